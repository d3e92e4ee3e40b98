//! Pictures and streams of them.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use super::client::{get, open};
use super::world::{self, World, snapshot};
use crate::system::snapshot::EncodedImage;

#[test]
fn pictures_come_in_the_size_asked_for_and_the_projectors_first() {
    let world = World::usual();
    let at = world.server.local_addr();
    let picture = get(at, "/api/v1/frame.jpg?width=640");
    assert_eq!(picture.header("content-type"), Some("image/jpeg"));
    let image = image::load_from_memory(&picture.body).unwrap();
    assert_eq!((image.width(), image.height()), (640, 360));
    let marked = get(at, "/api/v1/frame.jpg?width=640&annotate=1");
    assert_ne!(marked.body, picture.body);
    let sized = |quality: &str| {
        get(at, &format!("/api/v1/frame.jpg?width=640&quality={quality}"))
            .body
            .len()
    };
    assert!(sized("low") < sized("usual") && sized("usual") < sized("high"));
    assert_eq!(sized("usual"), picture.body.len());
    get(at, "/api/v1/frame.jpg?quality=best").problem(400, "invalid_query");
    assert_eq!(get(at, "/api/v1/frame.jpg?width=633").body, picture.body);
    let wide = image::load_from_memory(&get(at, "/api/v1/frame.jpg?width=4000").body).unwrap();
    assert_eq!(wide.width(), world::SIZE.width);

    assert!(!world.shared.projector.is_wanted(Duration::from_secs(60)));
    let overlay = get(at, "/api/v1/projector.png");
    assert_eq!(
        (overlay.status, overlay.header("x-drawn-by")),
        (200, Some("software"))
    );
    let image = image::load_from_memory(&overlay.body).unwrap().to_rgb8();
    assert!(image.pixels().any(|p| p.0 == [255, 255, 255]));
    assert!(world.shared.projector.is_wanted(Duration::from_secs(60)));
    world
        .shared
        .projector
        .store(Arc::new(EncodedImage { png: vec![1, 2, 3] }));
    let rendered = get(at, "/api/v1/projector.png");
    assert_eq!(
        (rendered.body, rendered.head.contains("x-drawn-by: projector")),
        (vec![1, 2, 3], true)
    );

    get(at, "/api/v1/dashboard.png").problem(503, "not_drawn");
    assert!(world.shared.dashboard.is_wanted(Duration::from_secs(60)));
    world
        .shared
        .dashboard
        .store(Arc::new(EncodedImage { png: vec![4, 5] }));
    assert_eq!(get(at, "/api/v1/dashboard.png").body, vec![4, 5]);

    let mut blind = snapshot(2);
    blind.frame = None;
    world.put(blind);
    get(at, "/api/v1/frame.jpg").problem(503, "no_frame");
}

#[test]
fn a_stream_sends_new_pictures_and_there_are_not_too_many() {
    let world = World::new(Some(snapshot(1)), |o| o.max_streams = 1);
    let at = world.server.local_addr();
    let mut stream = open(at);
    write!(
        stream,
        "GET /api/v1/stream.mjpeg?fps=15&width=320 HTTP/1.1\r\nHost: {at}\r\n\r\n"
    )
    .unwrap();
    let mut seen = Vec::new();
    let count = |seen: &[u8]| seen.windows(7).filter(|w| w == b"--frame").count();
    let mut buffer = [0; 4096];
    while count(&seen) < 1 {
        let n = stream.read(&mut buffer).unwrap();
        seen.extend(&buffer[..n]);
    }
    get(at, "/api/v1/stream.mjpeg").problem(503, "too_many_streams");
    world.put(snapshot(2));
    while count(&seen) < 2 {
        let n = stream.read(&mut buffer).unwrap();
        assert!(n > 0);
        seen.extend(&buffer[..n]);
    }
    assert!(String::from_utf8_lossy(&seen).contains("multipart/x-mixed-replace; boundary=frame"));
    drop(stream);
    let freed = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        let mut again = open(at);
        write!(again, "GET /api/v1/stream.mjpeg HTTP/1.1\r\nHost: {at}\r\n\r\n").unwrap();
        let mut head = [0; 12];
        again.read_exact(&mut head).unwrap();
        head.ends_with(b"200")
    });
    assert!(freed);
}
