#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
//! One exchange against real sockets: what a broken network or server becomes.

mod common;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use common::{client, config, plain, read_head, tcp, url};
use futures_util::StreamExt;
use net::{
    Body, Bytes, Client, Config, Error, HeaderValue, Method, Phase, Proxies, ProxyFault,
    RedirectFault, Redirects, Request, Retry, UrlFault, header,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn refused_port() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    match client(&[])
        .send(Request::get(url(format!("https://{address}/"))))
        .await
    {
        Err(Error::ConnectRefused { host }) => assert_eq!(host, address.to_string()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn unknown_name() {
    match client(&[])
        .send(Request::get(url("http://no-such-host.invalid/")))
        .await
    {
        Err(Error::Dns { host, .. }) => assert_eq!(host, "no-such-host.invalid"),
        // A machine without any resolver may take its time to say so.
        Err(Error::ConnectTimeout { host }) => assert_eq!(host, "no-such-host.invalid:80"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn no_answer_in_time() {
    let address = tcp(|mut stream| async move {
        read_head(&mut stream).await;
        tokio::time::sleep(Duration::from_secs(30)).await;
    })
    .await;
    let outcome = client(&[])
        .send(Request::get(url(format!("http://{address}/"))))
        .await;
    assert!(
        matches!(
            outcome,
            Err(Error::Timeout {
                phase: Phase::Answer,
                ..
            })
        ),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_body_that_stalls() {
    let address = tcp(|mut stream| async move {
        read_head(&mut stream).await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
            .await
            .ok();
        tokio::time::sleep(Duration::from_secs(30)).await;
    })
    .await;
    let response = client(&[])
        .send(Request::get(url(format!("http://{address}/"))))
        .await
        .unwrap();
    let outcome = response.read_to_limit(100).await;
    assert!(
        matches!(
            outcome,
            Err(Error::Timeout {
                phase: Phase::Body,
                ..
            })
        ),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_body_that_is_cut() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        let address = plain(answer).await;
        let response = client(&[])
            .send(Request::get(url(format!("http://{address}/"))))
            .await
            .unwrap();
        let outcome = response.read_to_limit(100).await;
        assert!(
            matches!(
                outcome,
                Err(Error::Interrupted {
                    phase: Phase::Body,
                    ..
                })
            ),
            "{outcome:?}"
        );

        let response = client(&[])
            .send(Request::get(url(format!("http://{address}/"))))
            .await
            .unwrap();
        let chunks: Vec<_> = response.into_stream().collect().await;
        assert!(
            matches!(
                chunks.last(),
                Some(Err(Error::Interrupted {
                    phase: Phase::Body,
                    ..
                }))
            ),
            "{chunks:?}"
        );
    }
}

#[tokio::test]
async fn a_connection_closed_without_an_answer_is_tried_twice_for_reads_only() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    let address = tcp(move |mut stream| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            read_head(&mut stream).await;
        }
    })
    .await;
    for (method, tries) in [(Method::GET, 2), (Method::POST, 1)] {
        connections.store(0, Ordering::SeqCst);
        let outcome = client(&[])
            .send(Request::new(method, url(format!("http://{address}/"))))
            .await;
        assert!(
            matches!(
                outcome,
                Err(Error::Interrupted {
                    phase: Phase::Answer,
                    ..
                })
            ),
            "{outcome:?}"
        );
        assert_eq!(connections.load(Ordering::SeqCst), tries);
    }
}

#[tokio::test]
async fn an_answer_that_is_not_http() {
    let address = plain(b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n").await;
    let outcome = client(&[])
        .send(Request::get(url(format!("http://{address}/"))))
        .await;
    assert!(matches!(outcome, Err(Error::NotHttp { .. })), "{outcome:?}");
}

#[tokio::test]
async fn too_much_is_noticed_announced_or_not() {
    let announced = plain(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
    let endless = tcp(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok();
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    })
    .await;
    for address in [announced, endless] {
        let response = client(&[])
            .send(Request::get(url(format!("http://{address}/"))))
            .await
            .unwrap();
        let outcome = response.read_to_limit(4).await;
        assert!(
            matches!(outcome, Err(Error::TooLarge { limit: 4 })),
            "{outcome:?}"
        );
    }
    let response = client(&[])
        .send(Request::get(url(format!("http://{announced}/"))))
        .await
        .unwrap();
    assert_eq!(&response.read_to_limit(5).await.unwrap()[..], b"hello");
}

#[tokio::test]
async fn the_total_time_ends_a_trickle() {
    let address = tcp(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok();
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let bounded = Config {
        total_timeout: Some(Duration::from_millis(900)),
        ..config(&[])
    };
    let response = Client::new(bounded)
        .unwrap()
        .send(Request::get(url(format!("http://{address}/"))))
        .await
        .unwrap();
    let outcome = response.read_to_limit(1 << 20).await;
    assert!(
        matches!(
            outcome,
            Err(Error::Timeout {
                phase: Phase::Body,
                ..
            })
        ),
        "{outcome:?}"
    );
}

/// Longer than both timeouts in all, but never without movement.
#[tokio::test]
async fn a_slow_upload_is_not_a_timeout() {
    let address = tcp(|mut stream| async move {
        let head = read_head(&mut stream).await;
        let mut body = vec![0; 10];
        if stream.read_exact(&mut body).await.is_ok() && head.contains("content-length: 10\r\n") {
            stream
                .write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n")
                .await
                .ok();
        }
    })
    .await;
    let chunks = futures_util::stream::iter(0..10).then(|_| async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(Bytes::from_static(b"x"))
    });
    let body = Body::Stream {
        length: Some(10),
        chunks: Box::pin(chunks),
    };
    let request = Request::new(Method::PUT, url(format!("http://{address}/"))).body(body);
    assert_eq!(client(&[]).send(request).await.unwrap().status, 201);
}

#[tokio::test]
async fn large_bytes_arrive_whole_with_their_length() {
    const LENGTH: usize = 300_000;
    let address = tcp(|mut stream| async move {
        let head = read_head(&mut stream).await;
        let mut body = vec![0; LENGTH];
        let whole =
            stream.read_exact(&mut body).await.is_ok() && body.iter().all(|&byte| byte == 7);
        if whole && head.contains("content-length: 300000\r\n") && !head.contains("chunked") {
            stream
                .write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n")
                .await
                .ok();
        }
    })
    .await;
    let body = Body::Bytes(vec![7; LENGTH].into());
    let request = Request::new(Method::PUT, url(format!("http://{address}/"))).body(body);
    assert_eq!(client(&[]).send(request).await.unwrap().status, 201);
}

#[tokio::test]
async fn a_failing_body_stream_is_the_callers_error() {
    let address = tcp(|mut stream| async move {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.ok();
    })
    .await;
    let chunks = futures_util::stream::iter([Err(std::io::Error::other("disk gone"))]);
    let body = Body::Stream {
        length: None,
        chunks: Box::pin(chunks),
    };
    let request = Request::new(Method::PUT, url(format!("http://{address}/"))).body(body);
    match client(&[]).send(request).await {
        Err(Error::RequestBody { source }) => assert_eq!(source.to_string(), "disk gone"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn connections_are_kept() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    let address = tcp(move |mut stream| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            while !read_head(&mut stream).await.is_empty() {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
                    .await
                    .ok();
            }
        }
    })
    .await;
    let client = client(&[]);
    for _ in 0..3 {
        let response = client
            .send(Request::get(url(format!("http://{address}/"))))
            .await
            .unwrap();
        response.read_to_limit(2).await.unwrap();
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

async fn recording(answer: String) -> (std::net::SocketAddr, Arc<Mutex<Vec<String>>>) {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let record = heads.clone();
    let address = tcp(move |mut stream| {
        let (record, answer) = (record.clone(), answer.clone());
        async move {
            let head = read_head(&mut stream).await;
            record.lock().unwrap().push(head);
            stream.write_all(answer.as_bytes()).await.ok();
        }
    })
    .await;
    (address, heads)
}

fn redirect_to(location: &str) -> String {
    format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
}

#[tokio::test]
async fn redirects_drop_credentials_across_hosts() {
    let (target, seen) =
        recording("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned())
            .await;
    let (first, _) = recording(redirect_to(&format!("http://{target}/blob?x=1"))).await;
    let request = Request::get(url(format!("http://{first}/")))
        .authorization(HeaderValue::from_static("Bearer s3cret"))
        .header(header::ACCEPT, HeaderValue::from_static("text/plain"));
    let response = client(&[])
        .send(request.redirects(Redirects::Follow { max: 1 }))
        .await
        .unwrap();
    assert_eq!(response.url.as_str(), format!("http://{target}/blob?x=1"));
    let head = seen.lock().unwrap()[0].clone();
    assert!(head.starts_with("GET /blob?x=1 "), "{head}");
    assert!(
        head.contains("accept: text/plain") && !head.contains("s3cret"),
        "{head}"
    );
}

#[tokio::test]
async fn redirects_keep_credentials_at_home() {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let record = heads.clone();
    let address = tcp(move |mut stream| {
        let record = record.clone();
        async move {
            let head = read_head(&mut stream).await;
            let answer = if head.starts_with("GET /a ") {
                redirect_to("/b")
            } else {
                "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_owned()
            };
            record.lock().unwrap().push(head);
            stream.write_all(answer.as_bytes()).await.ok();
        }
    })
    .await;
    let request = Request::get(url(format!("http://{address}/a")))
        .authorization(HeaderValue::from_static("Bearer s3cret"));
    let response = client(&[])
        .send(request.redirects(Redirects::Follow { max: 3 }))
        .await
        .unwrap();
    assert_eq!(response.status, 204);
    assert!(
        heads
            .lock()
            .unwrap()
            .iter()
            .all(|head| head.contains("authorization: Bearer s3cret"))
    );
}

#[tokio::test]
async fn redirects_end() {
    let looping = tcp(|mut stream| async move {
        read_head(&mut stream).await;
        stream
            .write_all(redirect_to("/again?token=s3cret").as_bytes())
            .await
            .ok();
    })
    .await;
    let request =
        Request::get(url(format!("http://{looping}/"))).redirects(Redirects::Follow { max: 2 });
    match client(&[]).send(request).await {
        Err(
            error @ Error::BadRedirect {
                reason: RedirectFault::TooMany { max: 2 },
                ..
            },
        ) => {
            assert!(!format!("{error} {error:?}").contains("s3cret"));
        }
        other => panic!("{other:?}"),
    }
    let request = Request::get(url(format!("http://{looping}/")));
    assert_eq!(client(&[]).send(request).await.unwrap().status, 307);
}

#[tokio::test]
async fn redirects_never_leave_tls() {
    let ca = common::authority();
    let answer = redirect_to("http://127.0.0.1:1/").leak().as_bytes();
    let address = common::tls(ca.leaf(&["127.0.0.1"], |_| ()).acceptor(None), answer).await;
    let request =
        Request::get(url(format!("https://{address}/"))).redirects(Redirects::Follow { max: 2 });
    let outcome = client(&[&ca.pem]).send(request).await;
    assert!(
        matches!(
            outcome,
            Err(Error::BadRedirect {
                reason: RedirectFault::Downgrade { .. },
                ..
            })
        ),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_spent_body_is_not_sent_again() {
    let (address, _) = recording(redirect_to("/elsewhere")).await;
    let body = Body::Stream {
        length: Some(0),
        chunks: Box::pin(futures_util::stream::empty()),
    };
    let request = Request::new(Method::PUT, url(format!("http://{address}/"))).body(body);
    let outcome = client(&[])
        .send(request.redirects(Redirects::Follow { max: 2 }))
        .await;
    assert!(
        matches!(
            outcome,
            Err(Error::BadRedirect {
                reason: RedirectFault::BodySpent,
                ..
            })
        ),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn addresses_that_are_not_sent_to() {
    for (text, expected) in [
        ("ftp://example.com/", UrlFault::Scheme),
        ("http://u:s3cret@example.com/", UrlFault::Credentials),
    ] {
        match client(&[]).send(Request::get(url(text))).await {
            Err(Error::BadUrl { url, reason }) => {
                assert_eq!(reason, expected);
                assert!(!url.contains("s3cret"), "{url}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(
        net::parse_url("example"),
        Err(Error::BadUrl {
            reason: UrlFault::Malformed(_),
            ..
        })
    ));
}

fn through(proxy: &str) -> Client {
    let proxies = Proxies {
        http: Some(proxy.to_owned()),
        https: Some(proxy.to_owned()),
        exceptions: None,
    };
    Client::new(Config {
        proxies,
        ..config(&[])
    })
    .unwrap()
}

#[tokio::test]
async fn proxies_are_used_with_their_credentials_but_never_for_loopback() {
    let (proxy, seen) =
        recording("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned())
            .await;
    let client = through(&format!("http://user:pass@{proxy}"));
    assert_eq!(
        client
            .send(Request::get(url("http://registry.example/v2/")))
            .await
            .unwrap()
            .status,
        200
    );
    let head = seen.lock().unwrap()[0].clone();
    assert!(
        head.starts_with("GET http://registry.example/v2/ "),
        "{head}"
    );
    assert!(
        head.to_lowercase()
            .contains("proxy-authorization: basic dxnlcjpwyxnz"),
        "{head}"
    );

    let (direct, _) =
        recording("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_owned()).await;
    assert_eq!(
        client
            .send(Request::get(url(format!("http://{direct}/"))))
            .await
            .unwrap()
            .status,
        204
    );
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_failing_proxy_is_blamed_itself() {
    let fault = |client: Client| async move {
        match client
            .send(Request::get(url("https://registry.example/")))
            .await
        {
            Err(error @ Error::Proxy { .. }) => {
                assert!(!format!("{error} {error:?}").contains("s3cret"));
                let Error::Proxy { reason, .. } = error else {
                    unreachable!()
                };
                reason
            }
            other => panic!("{other:?}"),
        }
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    assert_eq!(
        fault(through(&format!("u:s3cret@{closed}"))).await,
        ProxyFault::ConnectRefused
    );
    assert_eq!(
        fault(through("http://no-such-host.invalid:3128")).await,
        ProxyFault::UnknownHost
    );
    let wants =
        plain(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(
        fault(through(&format!("http://{wants}"))).await,
        ProxyFault::AuthRequired
    );
    let refuses = plain(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").await;
    let reason = fault(through(&format!("http://{refuses}"))).await;
    assert!(matches!(reason, ProxyFault::Tunnel(_)), "{reason:?}");
}

#[tokio::test]
async fn retry_waits_as_told_within_its_bounds() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let address = tcp(move |mut stream| {
        let nth = count.fetch_add(1, Ordering::SeqCst);
        async move {
            let head = read_head(&mut stream).await;
            let answer = match (head.contains("/long"), nth) {
                (_, 0) if head.starts_with("PUT") => "HTTP/1.1 429 Too Many Requests\r\nretry-after: 0\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
                (_, 0) if head.contains("/racy") => "HTTP/1.1 500 Internal Server Error\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
                (true, _) => "HTTP/1.1 429 Too Many Requests\r\nretry-after: 3600\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
                (false, 0) => "HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
                (false, _) => "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n",
            };
            stream.write_all(answer.as_bytes()).await.ok();
        }
    })
    .await;
    let retry = Retry {
        attempts: 2,
        longest_wait: Duration::from_secs(1),
    };
    let status = |method, path| {
        let request = Request::new(method, url(format!("http://{address}{path}")));
        async move {
            retry
                .send(&client(&[]), request)
                .await
                .unwrap()
                .status
                .as_u16()
        }
    };
    assert_eq!(status(Method::GET, "/").await, 204);
    assert_eq!(asked.swap(0, Ordering::SeqCst), 2);
    assert_eq!(status(Method::POST, "/").await, 503);
    assert_eq!(asked.swap(0, Ordering::SeqCst), 1);
    assert_eq!(status(Method::PUT, "/").await, 204);
    assert_eq!(asked.swap(0, Ordering::SeqCst), 2);
    assert_eq!(status(Method::GET, "/racy").await, 204);
    assert_eq!(asked.swap(0, Ordering::SeqCst), 2);
    assert_eq!(status(Method::POST, "/racy").await, 500);
    assert_eq!(asked.swap(0, Ordering::SeqCst), 1);
    assert_eq!(status(Method::GET, "/long").await, 429);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[test]
fn secrets_are_not_shown() {
    let request = Request::new(
        Method::POST,
        url("https://auth.example/t?service=r&access_token=s3cret&Token=s3cret"),
    )
    .authorization(HeaderValue::from_static("Basic s3cret"))
    .header(header::COOKIE, HeaderValue::from_static("id=s3cret"))
    .header(
        "x-identity-token".parse().unwrap(),
        HeaderValue::from_static("s3cret"),
    )
    .header(header::ACCEPT, HeaderValue::from_static("text/plain"))
    .body(Body::Bytes(Bytes::from_static(b"password=s3cret")));
    let shown = format!("{request:?}");
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(
        shown.contains("text/plain") && shown.contains("service=r"),
        "{shown}"
    );
    let proxies = Proxies {
        https: Some("u:s3cret@proxy:1".to_owned()),
        ..Proxies::default()
    };
    assert!(!format!("{proxies:?}").contains("s3cret"));
}
