//! What the proxy does to a client, seen from a client that is not ours: a plain socket.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, helpers included"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use testkit::{Fault, Proxy};

/// Answers every connection with the path it was asked for, and how often it was asked at all.
fn echo_server() -> (String, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = asked.clone();
    std::thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && socket.read(&mut byte).unwrap_or(0) == 1 {
                head.push(byte[0]);
            }
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let head = String::from_utf8(head).unwrap();
            let path = head
                .split_whitespace()
                .nth(1)
                .unwrap_or_default()
                .to_owned();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nX-Server: echo\r\n\r\n{path}",
                path.len()
            );
            drop(socket.write_all(answer.as_bytes()));
        }
    });
    (url, asked)
}

/// Sends a GET and returns what came back until the end or the limit: status line with header, body.
fn get(address: SocketAddr, path: &str, limit: usize) -> (String, String) {
    let mut socket = TcpStream::connect(address).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    write!(
        socket,
        "GET {path} HTTP/1.1\r\nHost: proxy\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    while bytes.len() < limit {
        match socket.read(&mut part) {
            Ok(0) | Err(_) => break,
            Ok(n) => bytes.extend_from_slice(&part[..n]),
        }
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    (head.to_lowercase(), body.to_owned())
}

#[test]
fn forwards_and_records() {
    let (server, _) = echo_server();
    let proxy = Proxy::to(&server).start_http();
    let (head, body) = get(proxy.address(), "/v2/x?n=1", usize::MAX);
    assert!(
        head.starts_with("http/1.1 200") && head.contains("x-server: echo"),
        "{head}"
    );
    assert_eq!(body, "/v2/x?n=1");
    let exchanges = proxy.take_exchanges();
    assert_eq!(exchanges.len(), 1);
    assert_eq!(exchanges[0].target, "/v2/x?n=1");
    assert_eq!(exchanges[0].response_body, "/v2/x?n=1");
    assert!(proxy.requests().is_empty());
}

#[test]
fn routes_by_path() {
    let (registry, _) = echo_server();
    let (trust, trust_asked) = echo_server();
    let proxy = Proxy::to(&registry).route("/_trust/", &trust).start_http();
    get(proxy.address(), "/v2/", usize::MAX);
    get(proxy.address(), "/v2/gun/_trust/tuf/root.json", usize::MAX);
    assert_eq!(trust_asked.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[test]
fn answers_instead_of_the_server_as_often_as_told() {
    let (server, asked) = echo_server();
    let proxy = Proxy::to(&server).start_http();
    proxy.on_next(1, |_, path| path == "/a", Fault::json(503, "{}"));
    let (head, body) = get(proxy.address(), "/a", usize::MAX);
    assert!(
        head.starts_with("http/1.1 503") && head.contains("content-type: application/json"),
        "{head}"
    );
    assert_eq!(body, "{}");
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 0);
    assert_eq!(get(proxy.address(), "/a", usize::MAX).1, "/a");
    proxy.on_path("/a", Fault::status(404));
    proxy.clear();
    assert_eq!(get(proxy.address(), "/a", usize::MAX).1, "/a");
}

#[test]
fn cuts_rewrites_and_loses_answers_that_the_server_gave() {
    let (server, asked) = echo_server();
    let proxy = Proxy::to(&server).start_http();
    proxy.on_path("/cut-in-half", Fault::CutHalf);
    let (head, body) = get(proxy.address(), "/cut-in-half", usize::MAX);
    assert!(head.contains("content-length: 12"), "{head}");
    assert_eq!(body, "/cut-i");
    proxy.on_path(
        "/old",
        Fault::rewrite(|body| [&body[..], b" rewritten"].concat().into()),
    );
    assert_eq!(get(proxy.address(), "/old", usize::MAX).1, "/old rewritten");
    proxy.on_path("/lost", Fault::LoseAnswer);
    assert!(
        get(proxy.address(), "/lost", usize::MAX)
            .0
            .starts_with("http/1.1 500")
    );
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 3);
}

#[test]
fn never_ends_never_answers_disconnects_delays() {
    let (server, _) = echo_server();
    let proxy = Proxy::to(&server).start_http();
    proxy.on_path("/endless", Fault::Endless);
    assert!(get(proxy.address(), "/endless", 1 << 20).1.len() > 1 << 19);
    proxy.on_path("/gone", Fault::Disconnect);
    assert_eq!(get(proxy.address(), "/gone", usize::MAX).0, "");
    proxy.on_path("/late", Fault::Delay(Duration::from_millis(300)));
    let begin = Instant::now();
    assert_eq!(get(proxy.address(), "/late", usize::MAX).1, "/late");
    assert!(begin.elapsed() >= Duration::from_millis(300));
    proxy.on_path("/hang", Fault::Hang);
    let mut socket = TcpStream::connect(proxy.address()).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    socket
        .write_all(b"GET /hang HTTP/1.1\r\nHost: proxy\r\n\r\n")
        .unwrap();
    let error = socket.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}
