//! The areas of the OCI distribution specification's conformance suite, and what docker needs besides.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod common;

use axum::body::Body;
use common::{Stack, image, streamed};
use http::{Method, Request, StatusCode};
use oci::{Algorithm, Descriptor, Digest, MANIFEST_MAX, Manifest, MediaType};

#[tokio::test]
async fn the_base_tells_the_version_to_everyone() {
    let stack = Stack::new();
    for path in ["/v2", "/v2/"] {
        let answer = stack.get(path).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.text(), "{}");
    }
    let answer = stack.ask(Method::POST, "/v2/").await;
    answer.refused(405, "UNSUPPORTED");
    assert_eq!(answer.header("allow"), "GET, HEAD");
}

#[tokio::test]
async fn a_blob_in_one_request_after_the_start() {
    let stack = Stack::new();
    let path = stack.start("a/b").await;
    assert!(path.starts_with("/v2/a/b/blobs/uploads/"));
    let digest = Digest::sha256(b"content");
    let answer = stack
        .body(Method::PUT, &format!("{path}?digest={digest}"), "content")
        .await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.header("docker-content-digest"), digest.to_string());
    assert_eq!(answer.header("location"), format!("/v2/a/b/blobs/{digest}"));
    let answer = stack.get(answer.header("location")).await;
    assert_eq!((answer.status, answer.text()), (StatusCode::OK, "content"));
    assert_eq!(answer.header("content-length"), "7");
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    assert_eq!(answer.header("docker-content-digest"), digest.to_string());
    let answer = stack
        .ask(Method::HEAD, &format!("/v2/a/b/blobs/{digest}"))
        .await;
    assert_eq!((answer.status, answer.text()), (StatusCode::OK, ""));
    assert_eq!(answer.header("content-length"), "7");
    // The upload is over.
    stack.get(&path).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
    assert_eq!(stack.files("uploads"), 0);
}

#[tokio::test]
async fn a_blob_in_a_single_post() {
    let stack = Stack::new();
    let digest = Digest::sha256(b"content");
    let escaped = digest.to_string().replace(':', "%3A");
    let answer = stack
        .body(
            Method::POST,
            &format!("/v2/a/blobs/uploads/?digest={escaped}"),
            "content",
        )
        .await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(stack.get(answer.header("location")).await.text(), "content");
    let answer = stack
        .body(
            Method::POST,
            &format!("/v2/a/blobs/uploads/?digest={digest}"),
            "other",
        )
        .await;
    answer.refused(400, "DIGEST_INVALID");
    assert_eq!(stack.files("uploads"), 0);
}

#[tokio::test]
async fn a_blob_in_chunks_with_ranges() {
    let stack = Stack::new();
    let path = stack.start("a").await;
    let answer = stack.chunk(Method::PATCH, &path, "0-3", "abcd").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.header("range"), "0-3");
    assert_eq!(answer.header("location"), path);
    assert!(path.ends_with(answer.header("docker-upload-uuid")));
    let answer = stack.get(&path).await;
    assert_eq!(
        (answer.status, answer.header("range")),
        (StatusCode::NO_CONTENT, "0-3")
    );
    assert_eq!(answer.header("location"), path);
    let answer = stack.chunk(Method::PATCH, &path, "4-5", "ef").await;
    assert_eq!(answer.header("range"), "0-5");
    let digest = Digest::sha256(b"abcdefg");
    let answer = stack
        .chunk(Method::PUT, &format!("{path}?digest={digest}"), "6-6", "g")
        .await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(stack.get(answer.header("location")).await.text(), "abcdefg");
}

#[tokio::test]
async fn a_chunk_out_of_order_is_refused_and_the_upload_goes_on() {
    let stack = Stack::new();
    let path = stack.start("a").await;
    stack
        .chunk(Method::PATCH, &path, "2-3", "cd")
        .await
        .refused(416, "BLOB_UPLOAD_INVALID");
    stack.chunk(Method::PATCH, &path, "0-1", "ab").await;
    let repeated = stack.chunk(Method::PATCH, &path, "0-1", "ab").await;
    repeated.refused(416, "BLOB_UPLOAD_INVALID");
    assert_eq!(repeated.header("range"), "0-1");
    stack
        .chunk(Method::PATCH, &path, "2-9", "cd")
        .await
        .refused(400, "SIZE_INVALID");
    stack
        .chunk(Method::PATCH, &path, "2-2", "cd")
        .await
        .refused(400, "SIZE_INVALID");
    stack
        .chunk(Method::PATCH, &path, "x", "cd")
        .await
        .refused(400, "SIZE_INVALID");
    let digest = Digest::sha256(b"abcd");
    let answer = stack
        .chunk(Method::PUT, &format!("{path}?digest={digest}"), "2-3", "cd")
        .await;
    assert_eq!(answer.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_streamed_chunk_without_length_is_held_to_its_range() {
    let stack = Stack::new();
    let path = stack.start("a").await;
    let send = |range: &'static str, pieces| {
        let request = Request::patch(&path).header("content-range", range);
        stack.send(request.body(streamed(pieces)).unwrap())
    };
    send("0-2", &["ab", "cd"])
        .await
        .refused(400, "SIZE_INVALID");
    assert_eq!(stack.get(&path).await.header("range"), "0-0");
    assert_eq!(send("0-3", &["ab", "cd"]).await.header("range"), "0-3");
    send("4-9", &["ef"]).await.refused(400, "SIZE_INVALID");
    assert_eq!(stack.get(&path).await.header("range"), "0-5");
}

#[tokio::test]
async fn docker_streams_without_a_range_and_ends_without_a_body() {
    let stack = Stack::new();
    let path = stack.start("a").await;
    let answer = stack
        .body(Method::PATCH, &path, streamed(&["ab", "cd"]))
        .await;
    assert_eq!(
        (answer.status, answer.header("range")),
        (StatusCode::ACCEPTED, "0-3")
    );
    let digest = Digest::sha256(b"abcd");
    let answer = stack
        .ask(Method::PUT, &format!("{path}?digest={digest}"))
        .await;
    assert_eq!(answer.status, StatusCode::CREATED);
}

#[tokio::test]
async fn an_upload_is_cancelled_and_belongs_to_its_repository() {
    let stack = Stack::new();
    let path = stack.start("a").await;
    stack
        .get(&path.replace("/a/", "/b/"))
        .await
        .refused(404, "BLOB_UPLOAD_UNKNOWN");
    assert_eq!(stack.files("uploads"), 1);
    assert_eq!(
        stack.ask(Method::DELETE, &path).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(stack.files("uploads"), 0);
    stack
        .body(Method::PATCH, &path, "x")
        .await
        .refused(404, "BLOB_UPLOAD_UNKNOWN");
    stack
        .ask(Method::DELETE, &path)
        .await
        .refused(404, "BLOB_UPLOAD_UNKNOWN");
}

#[tokio::test]
async fn an_upload_needs_a_digest_that_can_be_read() {
    let stack = Stack::new();
    let path = stack.start("a").await;
    stack
        .body(Method::PUT, &path, "x")
        .await
        .refused(400, "DIGEST_INVALID");
    stack
        .body(Method::PUT, &format!("{path}?digest=md5:00"), "x")
        .await
        .refused(400, "DIGEST_INVALID");
    stack
        .get("/v2/a/blobs/sha256:short")
        .await
        .refused(400, "DIGEST_INVALID");
    stack
        .get(&format!("/v2/a/blobs/{}", Digest::sha256(b"")))
        .await
        .refused(404, "BLOB_UNKNOWN");
}

#[tokio::test]
async fn sha512_is_as_good() {
    let stack = Stack::new();
    let digest = Digest::of(Algorithm::Sha512, b"content");
    let path = stack.start("a").await;
    let answer = stack
        .body(Method::PUT, &format!("{path}?digest={digest}"), "content")
        .await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(
        stack.get(&format!("/v2/a/blobs/{digest}")).await.text(),
        "content"
    );
    let path = stack.start("a").await;
    stack
        .body(Method::PUT, &format!("{path}?digest={digest}"), "other")
        .await
        .refused(400, "DIGEST_INVALID");

    let manifest = stack.push_image("a", "latest", b"layer").await;
    let digest = Digest::of(Algorithm::Sha512, manifest.bytes());
    let answer = stack
        .put_manifest("a", &digest.to_string(), &manifest)
        .await;
    assert_eq!(answer.header("docker-content-digest"), digest.to_string());
    assert_eq!(
        stack.get(&format!("/v2/a/manifests/{digest}")).await.body,
        manifest.bytes()
    );
}

#[tokio::test]
async fn ranges_of_a_blob() {
    let stack = Stack::new();
    let digest = stack.push_blob("a", b"0123456789").await;
    let read = |range: &'static str| {
        let request = Request::get(format!("/v2/a/blobs/{digest}")).header("range", range);
        stack.send(request.body(Body::empty()).unwrap())
    };
    for (range, text, content_range) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=8-", "89", "bytes 8-9/10"),
        ("bytes=8-100", "89", "bytes 8-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
    ] {
        let answer = read(range).await;
        assert_eq!(
            (answer.status, answer.text()),
            (StatusCode::PARTIAL_CONTENT, text)
        );
        assert_eq!(answer.header("content-range"), content_range);
        assert_eq!(answer.header("content-length"), text.len().to_string());
    }
    let beyond = read("bytes=10-").await;
    assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(beyond.header("content-range"), "bytes */10");
    let unreadable = read("lines=1-2").await;
    assert_eq!(
        (unreadable.status, unreadable.text()),
        (StatusCode::OK, "0123456789")
    );
}

#[tokio::test]
async fn a_large_blob_comes_back_whole() {
    let stack = Stack::new();
    let content: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let digest = Digest::sha256(&content);
    let path = stack.start("a").await;
    let answer = stack
        .body(
            Method::PUT,
            &format!("{path}?digest={digest}"),
            content.clone(),
        )
        .await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(
        stack.get(&format!("/v2/a/blobs/{digest}")).await.body,
        content
    );
}

#[tokio::test]
async fn a_blob_is_mounted_from_a_repository_that_has_it() {
    let stack = Stack::new();
    let digest = stack.push_blob("from/here", b"content").await;
    let mount = |query: String| async move { format!("/v2/to/blobs/uploads/?{query}") };
    let path = mount(format!("mount={digest}&from=from%2Fhere")).await;
    let answer = stack.ask(Method::POST, &path).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.header("location"), format!("/v2/to/blobs/{digest}"));
    assert_eq!(answer.header("docker-content-digest"), digest.to_string());
    assert_eq!(
        stack.get(&format!("/v2/to/blobs/{digest}")).await.text(),
        "content"
    );
    // What cannot be mounted is uploaded.
    let unknown = Digest::sha256(b"unknown");
    for query in [
        format!("mount={unknown}&from=from/here"),
        format!("mount={digest}&from=nowhere"),
        format!("mount={digest}"),
    ] {
        let answer = stack.ask(Method::POST, &mount(query).await).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        assert!(
            answer
                .header("location")
                .starts_with("/v2/to/blobs/uploads/")
        );
    }
}

#[tokio::test]
async fn a_blob_is_read_only_where_it_was_pushed() {
    let stack = Stack::new();
    let digest = stack.push_blob("mine", b"content").await;
    stack
        .get(&format!("/v2/yours/blobs/{digest}"))
        .await
        .refused(404, "BLOB_UNKNOWN");
    let mine = stack.push_image("mine", "latest", b"content").await;
    stack
        .get(&format!("/v2/yours/manifests/{}", mine.digest()))
        .await
        .refused(404, "MANIFEST_UNKNOWN");
    stack.push_blob("yours", b"{}").await;
    stack
        .put_manifest("yours", "latest", &mine)
        .await
        .refused(400, "MANIFEST_BLOB_UNKNOWN");
}

#[tokio::test]
async fn a_deleted_blob_stays_where_others_have_it() {
    let stack = Stack::new();
    let digest = stack.push_blob("a", b"content").await;
    stack.push_blob("b", b"content").await;
    assert_eq!(stack.files("blobs"), 1);
    let (in_a, in_b) = (
        format!("/v2/a/blobs/{digest}"),
        format!("/v2/b/blobs/{digest}"),
    );
    assert_eq!(
        stack.ask(Method::DELETE, &in_a).await.status,
        StatusCode::ACCEPTED
    );
    stack.get(&in_a).await.refused(404, "BLOB_UNKNOWN");
    stack
        .ask(Method::DELETE, &in_a)
        .await
        .refused(404, "BLOB_UNKNOWN");
    assert_eq!(stack.get(&in_b).await.text(), "content");
    assert_eq!(
        stack.ask(Method::DELETE, &in_b).await.status,
        StatusCode::ACCEPTED
    );
    assert_eq!(stack.files("blobs"), 0);
    stack.push_blob("a", b"content").await;
    assert_eq!(stack.get(&in_a).await.text(), "content");
}

#[tokio::test]
async fn manifests_by_tag_and_by_digest() {
    let stack = Stack::new();
    let manifest = stack.push_image("a/b", "latest", b"layer").await;
    let digest = manifest.digest().to_string();
    for reference in ["latest", &digest] {
        let path = format!("/v2/a/b/manifests/{reference}");
        let answer = stack.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.body, manifest.bytes());
        assert_eq!(
            answer.header("content-type"),
            MediaType::OCI_MANIFEST.as_str()
        );
        assert_eq!(answer.header("docker-content-digest"), digest);
        let answer = stack.ask(Method::HEAD, &path).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, ""));
        assert_eq!(
            answer.header("content-length"),
            manifest.bytes().len().to_string()
        );
        assert_eq!(answer.header("docker-content-digest"), digest);
    }
    stack
        .get("/v2/a/b/manifests/other")
        .await
        .refused(404, "MANIFEST_UNKNOWN");
    stack
        .get("/v2/nothing/manifests/latest")
        .await
        .refused(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn a_put_tells_where_the_manifest_is_and_moves_the_tag() {
    let stack = Stack::new();
    let first = stack.push_image("a", "latest", b"first").await;
    let second = stack.push_image("a", "latest", b"second").await;
    let answer = stack.put_manifest("a", "latest", &second).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(
        answer.header("location"),
        format!("/v2/a/manifests/{}", second.digest())
    );
    assert_eq!(
        answer.header("docker-content-digest"),
        second.digest().to_string()
    );
    assert!(!answer.headers.contains_key("oci-subject"));
    assert_eq!(
        stack.get("/v2/a/manifests/latest").await.body,
        second.bytes()
    );
    assert_eq!(
        stack
            .get(&format!("/v2/a/manifests/{}", first.digest()))
            .await
            .body,
        first.bytes()
    );
}

#[tokio::test]
async fn only_manifests_are_manifests() {
    let stack = Stack::new();
    let good = stack.push_image("a", "latest", b"layer").await;
    let oci = MediaType::OCI_MANIFEST.to_string();
    let put = |kind: &str, bytes: &[u8]| {
        let (kind, bytes) = (kind.to_owned(), bytes.to_vec());
        let stack = &stack;
        async move { stack.put_bytes("a", "latest", &kind, bytes).await }
    };
    put(&oci, b"not JSON")
        .await
        .refused(400, "MANIFEST_INVALID");
    put(&oci, b"{}").await.refused(400, "MANIFEST_INVALID");
    put(&oci, b"{\"schemaVersion\":1}")
        .await
        .refused(400, "MANIFEST_INVALID");
    put("application/json", b"{\"schemaVersion\":2}")
        .await
        .refused(400, "MANIFEST_INVALID");
    put(MediaType::DOCKER_MANIFEST.as_str(), good.bytes())
        .await
        .refused(400, "MANIFEST_INVALID");
    put(&oci, &vec![b' '; MANIFEST_MAX + 1])
        .await
        .refused(413, "SIZE_INVALID");
    let elsewhere = Digest::sha256(b"other").to_string();
    stack
        .put_manifest("a", &elsewhere, &good)
        .await
        .refused(400, "DIGEST_INVALID");
    stack
        .put_manifest("a", "-bad", &good)
        .await
        .refused(400, "TAG_INVALID");
    stack
        .put_manifest("A", "latest", &good)
        .await
        .refused(400, "NAME_INVALID");
    assert_eq!(stack.get("/v2/a/manifests/latest").await.body, good.bytes());
}

#[tokio::test]
async fn a_manifest_needs_what_it_points_at() {
    let stack = Stack::new();
    let manifest = image(b"layer", None);
    let answer = stack.put_manifest("a", "latest", &manifest).await;
    answer.refused(400, "MANIFEST_BLOB_UNKNOWN");
    assert_eq!(
        answer.json()["errors"][0]["detail"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    stack
        .get("/v2/a/tags/list")
        .await
        .refused(404, "NAME_UNKNOWN");

    let index = Manifest::index(vec![manifest.descriptor()]);
    stack.push_image("b", "latest", b"layer").await;
    assert_eq!(
        stack.put_manifest("b", "index", &index).await.status,
        StatusCode::CREATED
    );
    assert_eq!(
        stack
            .get("/v2/b/manifests/index")
            .await
            .header("content-type"),
        MediaType::OCI_INDEX.as_str()
    );
    let index = Manifest::index(vec![Descriptor::of(MediaType::OCI_MANIFEST, b"unknown")]);
    stack
        .put_manifest("b", "index", &index)
        .await
        .refused(400, "MANIFEST_BLOB_UNKNOWN");
}

#[tokio::test]
async fn layers_that_stay_with_their_vendor_need_not_be_pushed() {
    let stack = Stack::new();
    stack.push_blob("a", b"{}").await;
    let foreign =
        MediaType::parse("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip").unwrap();
    let document = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MediaType::DOCKER_MANIFEST,
        "config": Descriptor::of(MediaType::DOCKER_CONFIG, b"{}"),
        "layers": [Descriptor::of(foreign, b"windows")],
    });
    let manifest = Manifest::parse(document.to_string().into_bytes(), None).unwrap();
    assert_eq!(
        stack.put_manifest("a", "latest", &manifest).await.status,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn manifests_and_tags_are_deleted() {
    let stack = Stack::new();
    let manifest = stack.push_image("a", "one", b"layer").await;
    stack.put_manifest("a", "two", &manifest).await;
    assert_eq!(
        stack
            .ask(Method::DELETE, "/v2/a/manifests/one")
            .await
            .status,
        StatusCode::ACCEPTED
    );
    stack
        .get("/v2/a/manifests/one")
        .await
        .refused(404, "MANIFEST_UNKNOWN");
    assert_eq!(
        stack.get("/v2/a/manifests/two").await.status,
        StatusCode::OK
    );
    let by_digest = format!("/v2/a/manifests/{}", manifest.digest());
    assert_eq!(
        stack.ask(Method::DELETE, &by_digest).await.status,
        StatusCode::ACCEPTED
    );
    for path in [
        by_digest.as_str(),
        "/v2/a/manifests/two",
        "/v2/a/manifests/one",
    ] {
        stack.get(path).await.refused(404, "MANIFEST_UNKNOWN");
        stack
            .ask(Method::DELETE, path)
            .await
            .refused(404, "MANIFEST_UNKNOWN");
    }
    assert_eq!(
        stack.get("/v2/a/tags/list").await.json()["tags"],
        serde_json::json!([])
    );
}

#[tokio::test]
async fn tags_come_in_pages() {
    let stack = Stack::new();
    let manifest = stack.push_image("a/b", "v3", b"layer").await;
    for tag in ["v1", "v2", "v10", "V9", "_x"] {
        stack.put_manifest("a/b", tag, &manifest).await;
    }
    let all = ["V9", "_x", "v1", "v10", "v2", "v3"];
    let answer = stack.get("/v2/a/b/tags/list").await;
    assert_eq!(
        answer.json(),
        serde_json::json!({ "name": "a/b", "tags": all })
    );
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(!answer.headers.contains_key("link"));
    let (mut path, mut seen) = ("/v2/a/b/tags/list?n=4".to_owned(), Vec::new());
    loop {
        let answer = stack.get(&path).await;
        seen.extend(
            answer.json()["tags"]
                .as_array()
                .unwrap()
                .iter()
                .map(|tag| tag.as_str().unwrap().to_owned()),
        );
        let Some(link) = answer.headers.get("link") else {
            break;
        };
        path = oci::next_link(link.to_str().unwrap())
            .unwrap()
            .unwrap()
            .to_owned();
        assert_eq!(path, "/v2/a/b/tags/list?n=4&last=v10");
    }
    assert_eq!(seen, all);
    let none = stack.get("/v2/a/b/tags/list?n=0").await;
    assert_eq!(none.json()["tags"], serde_json::json!([]));
    assert!(!none.headers.contains_key("link"));
    assert_eq!(
        stack.get("/v2/a/b/tags/list?last=v2").await.json()["tags"],
        serde_json::json!(["v3"])
    );
    stack
        .get("/v2/a/b/tags/list?n=x")
        .await
        .refused(400, "PAGINATION_NUMBER_INVALID");
    stack
        .get("/v2/nothing/tags/list")
        .await
        .refused(404, "NAME_UNKNOWN");
}

#[tokio::test]
async fn repositories_come_in_pages() {
    let stack = Stack::new();
    for name in ["c", "a/b", "b"] {
        stack.push_blob(name, b"{}").await;
    }
    let answer = stack.get("/v2/_catalog?n=2").await;
    assert_eq!(
        answer.json()["repositories"],
        serde_json::json!(["a/b", "b"])
    );
    let next = oci::next_link(answer.header("link"))
        .unwrap()
        .unwrap()
        .to_owned();
    assert_eq!(
        stack.get(&next).await.json()["repositories"],
        serde_json::json!(["c"])
    );
}

#[tokio::test]
async fn referrers_are_listed_and_filtered() {
    let stack = Stack::new();
    let subject = stack.push_image("a", "latest", b"subject").await;
    let path = format!("/v2/a/referrers/{}", subject.digest());
    let answer = stack.get(&path).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), MediaType::OCI_INDEX.as_str());
    assert_eq!(answer.json()["manifests"], serde_json::json!([]));

    let mut made = Vec::new();
    for layer in [&b"one"[..], b"three"] {
        stack.push_blob("a", layer).await;
        let referrer = image(layer, Some(&subject));
        let answer = stack
            .put_manifest("a", &referrer.digest().to_string(), &referrer)
            .await;
        assert_eq!(answer.header("oci-subject"), subject.digest().to_string());
        made.push(referrer);
    }
    let answer = stack.get(&path).await;
    assert!(!answer.headers.contains_key("oci-filters-applied"));
    let index = Manifest::parse(answer.body.to_vec(), Some(&MediaType::OCI_INDEX)).unwrap();
    let mut expected: Vec<Descriptor> = made.iter().map(Manifest::referrer_entry).collect();
    expected.sort_by_key(|entry| entry.digest.to_string());
    assert_eq!(index.children().cloned().collect::<Vec<_>>(), expected);
    assert_eq!(expected[0].annotations["made-by"], "a test");

    for plus in ["%2B", "+"] {
        let answer = stack
            .get(&format!(
                "{path}?artifactType=application/vnd.example.5{plus}json"
            ))
            .await;
        assert_eq!(answer.header("oci-filters-applied"), "artifactType");
        let entries = answer.json()["manifests"].as_array().unwrap().clone();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0]["digest"], made[1].digest().to_string());
    }
    let other = stack.get(&format!("{path}?artifactType=no%20type")).await;
    assert_eq!(other.json()["manifests"], serde_json::json!([]));
    // Another repository has none, a deleted referrer is gone, and a digest must be one.
    let elsewhere = path.replace("/a/", "/b/");
    assert_eq!(
        stack.get(&elsewhere).await.json()["manifests"],
        serde_json::json!([])
    );
    stack
        .ask(
            Method::DELETE,
            &format!("/v2/a/manifests/{}", made[0].digest()),
        )
        .await;
    assert_eq!(
        stack.get(&path).await.json()["manifests"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    stack
        .get("/v2/a/referrers/latest")
        .await
        .refused(400, "DIGEST_INVALID");
}

#[tokio::test]
async fn referrers_may_come_before_their_subject() {
    let stack = Stack::new();
    let subject = image(b"not pushed", None);
    stack.push_blob("a", b"{}").await;
    stack.push_blob("a", b"one").await;
    let referrer = image(b"one", Some(&subject));
    assert_eq!(
        stack.put_manifest("a", "sig", &referrer).await.status,
        StatusCode::CREATED
    );
    let answer = stack
        .get(&format!("/v2/a/referrers/{}", subject.digest()))
        .await;
    assert_eq!(
        answer.json()["manifests"][0]["digest"],
        referrer.digest().to_string()
    );
}

#[tokio::test]
async fn many_large_referrers_come_in_pages_of_bounded_size() {
    let stack = Stack::new();
    let subject = stack.push_image("a", "latest", b"subject").await;
    for n in 0..5 {
        let mut document: serde_json::Value =
            serde_json::from_slice(image(b"subject", Some(&subject)).bytes()).unwrap();
        document["annotations"]["large"] = n.to_string().repeat(1 << 20).into();
        let manifest = Manifest::parse(document.to_string().into_bytes(), None).unwrap();
        let answer = stack.put_manifest("a", &format!("r{n}"), &manifest).await;
        assert_eq!(answer.status, StatusCode::CREATED);
    }
    let mut path = format!(
        "/v2/a/referrers/{}?artifactType=application/vnd.example.7%2Bjson",
        subject.digest()
    );
    let (mut seen, mut pages) = (0, 0);
    loop {
        let answer = stack.get(&path).await;
        assert!(answer.body.len() <= MANIFEST_MAX);
        assert_eq!(answer.header("oci-filters-applied"), "artifactType");
        seen += answer.json()["manifests"].as_array().unwrap().len();
        pages += 1;
        let Some(link) = answer.headers.get("link") else {
            break;
        };
        path = oci::next_link(link.to_str().unwrap())
            .unwrap()
            .unwrap()
            .to_owned();
    }
    assert_eq!(seen, 5);
    assert!(pages > 1);
}

#[tokio::test]
async fn paths_and_methods_that_are_none() {
    let stack = Stack::new();
    for path in ["/v2/a", "/v2/a/tags", "/v2/a/tags/other", "/v2/a/unknown/x"] {
        stack.get(path).await.refused(404, "UNSUPPORTED");
    }
    stack
        .get("/v2/UPPER/tags/list")
        .await
        .refused(400, "NAME_INVALID");
    for path in [
        "/v2/a/tags/list",
        "/v2/a/manifests/x",
        "/v2/a/blobs/uploads/",
        "/v2/_catalog",
    ] {
        stack
            .ask(Method::PATCH, path)
            .await
            .refused(405, "UNSUPPORTED");
    }
}
