//! Against a real listener that fails, hangs, and answers this and that.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;
use crate::system::alerts::NotificationKind;

const FAST: Pace = Pace {
    tries: 4,
    first_pause: Duration::from_millis(1),
    longest_pause: Duration::from_millis(3),
    timeout: Duration::from_millis(300),
};

/// What the listener does with one connection.
#[derive(Clone, Copy, Debug)]
enum Act {
    HangUp,
    /// Says nothing until the test lets go.
    Hang,
    Babble,
    Answer(u16),
}

/// A listener that does one thing after another, and gives on what it was sent.
struct Receiving {
    url: String,
    requests: Receiver<String>,
    /// Let go of to end those that hang.
    holding: Option<Sender<()>>,
}

fn listen(acts: Vec<Act>) -> Receiving {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "http://{}/hook?key=secret-in-address",
        listener.local_addr().unwrap()
    );
    let (tell, requests) = channel();
    let (holding, held) = channel::<()>();
    std::thread::spawn(move || {
        for act in acts {
            let (mut stream, _) = listener.accept().unwrap();
            if let Some(request) = read(&mut stream) {
                tell.send(request).ok();
            }
            match act {
                Act::HangUp => {}
                Act::Hang => drop(held.recv()),
                Act::Babble => stream.write_all(b"how do you do\r\n\r\n").unwrap(),
                Act::Answer(code) => {
                    write!(
                        stream,
                        "HTTP/1.1 {code} So\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
                    )
                    .unwrap();
                }
            }
        }
    });
    Receiving {
        url,
        requests,
        holding: Some(holding),
    }
}

/// One request, head and body.
fn read(stream: &mut TcpStream) -> Option<String> {
    let (mut text, mut buffer) = (String::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut buffer).ok().filter(|n| *n > 0)?;
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let head = head.to_lowercase();
        let length = head.split("content-length:").nth(1)?.lines().next()?.trim();
        if body.len() >= length.parse().ok()? {
            return Some(text);
        }
    }
}

fn hook(url: &str) -> Webhook {
    Webhook {
        name: "house".to_owned(),
        url: url.to_owned(),
        ..Webhook::default()
    }
}

fn note(text: &str) -> Notification {
    Notification {
        kind: NotificationKind::Raised,
        severity: Severity::Warning,
        time: "2026-05-04T18:31:05Z".to_owned(),
        text: text.to_owned(),
        alert: None,
    }
}

/// Waits until it is so.
fn until(sender: &WebhookSender, so: impl Fn(&WebhookStatus) -> bool) -> WebhookStatus {
    loop {
        let status = sender.status();
        if so(&status) {
            return status;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_receiver_that_fails_and_hangs_gets_it_in_the_end_once() {
    let receiving = listen(vec![
        Act::HangUp,
        Act::Answer(500),
        Act::Babble,
        Act::Answer(200),
        Act::Hang,
    ]);
    let mut sender = WebhookSender::start_at(&hook(&receiving.url), FAST).unwrap();
    sender.send(&note("camera \"lost\" – straße"));
    let status = until(&sender, |s| s.sent == 1);
    assert_eq!((status.failed, status.dropped, status.last_error), (0, 0, None));
    let requests: Vec<String> = (0..4).map(|_| receiving.requests.recv().unwrap()).collect();
    for request in &requests {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("POST /hook?key=secret-in-address HTTP/1.1"),
            "{head}"
        );
        assert!(head.to_lowercase().contains("content-type: application/json"));
        let json: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(json["text"], "camera \"lost\" – straße");
    }
    assert!(receiving.requests.try_recv().is_err());
    assert!(sender.status().running && sender.stop() && !sender.status().running);
}

#[test]
fn one_that_hangs_is_left_after_the_time_out() {
    let mut receiving = listen(vec![Act::Hang, Act::Answer(204)]);
    let sender = WebhookSender::start_at(&hook(&receiving.url), FAST).unwrap();
    sender.send(&note("a"));
    let status = until(&sender, |s| s.last_error.is_some());
    assert_eq!(
        status.last_error.as_deref(),
        Some("the receiver did not answer in time")
    );
    receiving.holding = None;
    until(&sender, |s| s.sent == 1);
}

#[test]
fn it_is_given_up_after_all_tries_and_counted_and_the_next_one_is_sent() {
    let acts = [
        Act::Answer(500),
        Act::Answer(404),
        Act::Answer(302),
        Act::Answer(429),
    ];
    let receiving = listen(acts.into_iter().chain([Act::Answer(200)]).collect());
    let sender = WebhookSender::start_at(&hook(&receiving.url), FAST).unwrap();
    sender.send(&note("first"));
    let status = until(&sender, |s| s.failed == 1);
    assert_eq!(status.last_error.as_deref(), Some("the receiver answered 429"));
    sender.send(&note("second"));
    assert_eq!(until(&sender, |s| s.sent == 1).failed, 1);
    let bodies: Vec<String> = receiving.requests.try_iter().collect();
    assert_eq!(bodies.len(), 5, "a redirection is not followed");
    assert!(bodies[4].contains("second"));
}

#[test]
fn a_net_that_is_away_for_long_costs_no_memory_and_every_notification_is_counted() {
    // A port that nobody listens at.
    let url = format!(
        "http://{}",
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
    );
    let pace = Pace {
        first_pause: Duration::ZERO,
        ..FAST
    };
    let mut sender = WebhookSender::start_at(&hook(&url), pace).unwrap();
    for count in 0..5000 {
        sender.send(&note(&format!("{count}")));
        assert!(sender.status().queued <= QUEUE);
    }
    let status = until(&sender, |s| s.failed + s.dropped == 5000);
    assert!(status.sent == 0 && status.dropped > 0 && status.failed >= QUEUE as u64);
    let error = status.last_error.unwrap();
    assert!(error.starts_with("the receiver can't be reached"), "{error}");
    assert!(sender.stop());
}

#[test]
fn it_ends_when_told_to_whatever_it_is_doing() {
    let endless = Duration::from_secs(1_000_000);
    let patient = Pace {
        first_pause: endless,
        longest_pause: endless,
        timeout: endless,
        ..FAST
    };
    // Idle; in a pause; in a request that never ends, which can't be called back.
    let start = |url: &str| WebhookSender::start_at(&hook(url), patient).unwrap();
    assert!(start("http://127.0.0.1:1").stop());
    let mut pausing = start("http://127.0.0.1:1");
    pausing.send(&note("a"));
    until(&pausing, |s| s.last_error.is_some());
    assert!(pausing.stop() && pausing.stop());
    let mut receiving = listen(vec![Act::Hang]);
    let mut asking = start(&receiving.url);
    asking.send(&note("a"));
    receiving.requests.recv().unwrap();
    assert!(!asking.stop());
    // It ends by itself once the request does.
    receiving.holding = None;
    while Arc::strong_count(&asking.shared) > 1 {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn the_secret_comes_from_a_file_and_is_told_to_nobody_else() {
    let folder = std::env::temp_dir().join(format!("billiards-webhook-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path: PathBuf = folder.join("token");
    let receiving = listen(vec![Act::Answer(200), Act::Answer(500)]);
    let hook = Webhook {
        header: "X-Token".to_owned(),
        token_file: Some(path.clone()),
        ..hook(&receiving.url)
    };
    let agent = agent(&hook, FAST.timeout);
    let name = |error: &str| error.contains(path.to_str().unwrap());
    let missing = post(&agent, &hook, "{}").unwrap_err();
    assert!(name(&missing), "{missing}");
    for bad in ["\nabc", "a\u{1}b"] {
        std::fs::write(&path, bad).unwrap();
        let error = post(&agent, &hook, "{}").unwrap_err();
        assert!(name(&error) && !error.contains("abc"), "{error}");
    }
    std::fs::write(&path, "Bearer abc \nmore\n").unwrap();
    assert_eq!(post(&agent, &hook, "{}"), Ok(()));
    let request = receiving.requests.recv().unwrap().to_lowercase();
    assert!(request.contains("\r\nx-token: bearer abc\r\n"), "{request}");
    std::fs::write(&path, "Bearer new").unwrap();
    let error = post(&agent, &hook, "{}").unwrap_err();
    assert_eq!(error, "the receiver answered 500");
    let request = receiving.requests.recv().unwrap().to_lowercase();
    assert!(
        request.contains("\r\nx-token: bearer new\r\n"),
        "read anew each time"
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_is_too_mild_is_not_sent() {
    let receiving = listen(vec![Act::Answer(200)]);
    let hook = Webhook {
        min_severity: Severity::Critical,
        ..hook(&receiving.url)
    };
    let sender = WebhookSender::start_at(&hook, FAST).unwrap();
    sender.send(&note("mild"));
    sender.send(&Notification {
        severity: Severity::Critical,
        ..note("bad")
    });
    until(&sender, |s| s.sent == 1);
    assert!(receiving.requests.recv().unwrap().contains("bad"));
    assert!(receiving.requests.try_recv().is_err());
}

#[test]
fn pauses_double_up_to_a_minute_give_or_take_a_fifth() {
    for (failures, seconds) in [
        (1, 1.0),
        (2, 2.0),
        (5, 16.0),
        (6, 32.0),
        (7, 60.0),
        (9, 60.0),
        (4000, 60.0),
    ] {
        let mut all: Vec<f64> = (0..200)
            .map(|_| PACE.pause(failures).as_secs_f64() / seconds)
            .collect();
        all.sort_by(f64::total_cmp);
        assert!(
            all[0] >= 0.8 && all[199] <= 1.2 && all[199] - all[0] > 0.2,
            "{failures}"
        );
    }
}
