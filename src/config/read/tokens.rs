//! What is smaller than a value: blanks, comments, words and texts.

use super::{Reader, Syntax, is_word, quoted, shown};

impl Reader<'_> {
    /// A cut of power can leave a block of zeros, and what that swallows must not be missed.
    pub(super) fn no_damage(&self) -> Result<(), Syntax> {
        let (mut line, mut column) = (self.line, self.column);
        for c in self.rest.clone() {
            if c.is_control() && !matches!(c, '\n' | '\r' | '\t') {
                let reason = format!("{} is in no settings file; the file is damaged", shown(c));
                return Err(Syntax { line, column, reason });
            }
            (line, column) = if c == '\n' {
                (line + 1, 1)
            } else {
                (line, column + 1)
            };
        }
        Ok(())
    }

    /// Passes blanks and comments.
    pub(super) fn blank(&mut self) -> Result<(), Syntax> {
        loop {
            match (self.peek(), self.peek_second()) {
                (Some(c), _) if is_blank(c) => {
                    self.bump();
                }
                (Some('/'), Some('/')) => while self.bump().is_some_and(|c| c != '\n') {},
                (Some('/'), Some('*')) => self.block_comment()?,
                (Some('/'), _) => {
                    return Err(self.wrong("`/` alone is nothing; a comment begins with `//`"));
                }
                _ => return Ok(()),
            }
        }
    }

    fn block_comment(&mut self) -> Result<(), Syntax> {
        let open = self.wrong("the comment that begins here has no end `*/`");
        let mut depth = 0_usize;
        loop {
            match (self.peek(), self.peek_second()) {
                (Some('/'), Some('*')) => depth += 1,
                (Some('*'), Some('/')) => depth = depth.saturating_sub(1),
                (Some(_), _) => {
                    self.bump();
                    continue;
                }
                (None, _) => return Err(open),
            }
            self.bump();
            self.bump();
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// `#![enable(implicit_some)]`, which is always on. Others would change what the text means.
    pub(super) fn attributes(&mut self) -> Result<(), Syntax> {
        loop {
            self.blank()?;
            if self.peek() != Some('#') {
                return Ok(());
            }
            let place = self.wrong("only `#![enable(implicit_some)]` is known here; leave this line out");
            let mut said = String::new();
            while let Some(c) = self.bump() {
                if !is_blank(c) {
                    said.push(c);
                }
                if c == ']' {
                    break;
                }
            }
            if said != "#![enable(implicit_some)]" && said != "#![enable(implicit_some,)]" {
                return Err(place);
            }
        }
    }

    pub(super) fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(c) = self.peek().filter(|&c| is_word(c)) {
            word.push(c);
            self.bump();
        }
        word
    }

    pub(super) fn text(&mut self) -> Result<String, Syntax> {
        let open = self.wrong("the text that begins here has no closing `\"`");
        let mut token = String::new();
        token.extend(self.bump());
        loop {
            match self.bump() {
                None => return Err(open),
                Some('\\') => {
                    token.push('\\');
                    token.extend(self.bump());
                }
                Some('"') => {
                    token.push('"');
                    return one_line(&token, open);
                }
                Some(c) => token.push(c),
            }
        }
    }

    /// `r"…"`, `r#"…"#`; also the key `r#type`, which is no text.
    pub(super) fn raw_text(&mut self) -> Result<String, Syntax> {
        let open = self.wrong("the raw text that begins here has no end");
        let mut token = String::new();
        token.extend(self.bump());
        let mut hashes = 0_usize;
        while self.peek() == Some('#') {
            token.extend(self.bump());
            hashes += 1;
        }
        if self.peek() != Some('"') {
            token.push_str(&self.word());
            return Ok(token);
        }
        token.extend(self.bump());
        let end = format!("\"{}", "#".repeat(hashes));
        let begin = token.len();
        loop {
            match self.bump() {
                None => return Err(open),
                Some(c) => token.push(c),
            }
            if token.get(begin..).is_some_and(|said| said.ends_with(&end)) {
                return one_line(&token, open);
            }
        }
    }

    pub(super) fn character(&mut self) -> Result<String, Syntax> {
        let open = self.wrong("no character stands between these `'`; a text has double quotes");
        let mut token = String::new();
        token.extend(self.bump());
        for _ in 0..12 {
            match self.bump() {
                None | Some('\n') => break,
                Some('\\') => {
                    token.push('\\');
                    token.extend(self.bump());
                }
                Some('\'') if token.len() > 1 => {
                    token.push('\'');
                    return match ron::from_str::<char>(&token) {
                        Ok(_) => Ok(token),
                        Err(_) => Err(open),
                    };
                }
                Some(c) => token.push(c),
            }
        }
        Err(open)
    }
}

/// A text as RON writes it, as RON writes it on one line.
fn one_line(token: &str, place: Syntax) -> Result<String, Syntax> {
    match ron::from_str::<String>(token) {
        Ok(text) => Ok(quoted(&text)),
        Err(e) => Err(Syntax {
            reason: format!("this text cannot be read: {}", e.code),
            ..place
        }),
    }
}

/// What RON takes for a blank.
const fn is_blank(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t'
            | '\n'
            | '\r'
            | '\x0B'
            | '\x0C'
            | '\u{85}'
            | '\u{200E}'
            | '\u{200F}'
            | '\u{2028}'
            | '\u{2029}'
    )
}
