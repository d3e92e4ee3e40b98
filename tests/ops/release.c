/* A release that is not as it should be: the real program, with something done to it. Made by deploy.py, with
 * -DVERSION, -DREAL (the real program), -DFOLDER (where its script lies), and one of the faults. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST 64

static const char *state_folder(int count, char **words) {
    for (int i = 1; i + 1 < count; i++)
        if (!strcmp(words[i], "--state-folder")) return words[i + 1];
    return "";
}

static void spoil(const char *state, const char *name, const char *with) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", state, name);
    int file = open(path, O_WRONLY | O_TRUNC | O_CREAT, 0644);
    if (file >= 0) {
        if (write(file, with, strlen(with)) < 0) _exit(71);
        close(file);
    }
}

int main(int count, char **words) {
    const char *verb = count > 1 ? words[1] : "";
    if (!strcmp(verb, "--version")) {
        puts("billiards-trainer " VERSION);
        return 0;
    }
#ifdef BAD_CONFIG
    if (!strcmp(verb, "config")) {
        fputs("config/site.ron:3:5: `api.port` is no setting any more\n", stderr);
        return 78;
    }
#endif
    char *all[MOST];
    int many = 0;
    for (; many < count && many < MOST - 8; many++) all[many] = words[many];
    if (!strcmp(verb, "run")) {
        const char *state = state_folder(count, words);
        /* On a copy of the state it behaves: only at the table it shows. */
        int live = !strstr(state, "/deploy/trial");
        (void)live;
        (void)state;
        (void)spoil;
#ifdef CRASH_AT_START
        if (live) return 70;
#endif
#ifdef CRASH_AFTER
        /* It outlives the exec. */
        if (live) alarm(CRASH_AFTER);
#endif
#ifdef NOT_READY
        if (live) all[many++] = "--no-vision";
#endif
#ifdef SLOW
        if (live) all[many++] = "--set", all[many++] = "vision.rate_hz=3";
#endif
#ifdef SCRIPT
        if (live) {
            all[many++] = "--environment", all[many++] = "testing";
            all[many++] = "--fault-script", all[many++] = FOLDER "/" SCRIPT;
        }
#endif
#ifdef BAD_MIGRATION
        if (live) {
            spoil(state, "tokens.ron", "");
            spoil(state, "history.sqlite", "not a database any more");
            spoil(state, "format-2", "of the new release");
            return 70;
        }
#endif
#ifdef TRIAL_SPOILS
        spoil(state, "history.sqlite", "not a database any more");
#endif
    }
    all[many] = NULL;
    all[0] = REAL;
    execv(REAL, all);
    perror(REAL);
    return 71;
}
