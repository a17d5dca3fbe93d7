//! Request bodies, read with a limit.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;

/// Why a request body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The client went away, sent less than it announced or stalled.
    #[error("the body of the request ended early")]
    Cut(#[source] axum::Error),
    /// The body is longer than the route allows.
    #[error("the body of the request is longer than {limit} bytes")]
    TooLarge {
        /// The route's limit in bytes.
        limit: usize,
    },
}

/// Reads a whole body of at most `limit` bytes into memory.
///
/// An announced length above the limit is refused before anything is read.
///
/// # Errors
/// [`BodyError`].
pub async fn collect(mut body: Body, limit: usize) -> Result<Bytes, BodyError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(BodyError::TooLarge { limit });
    }
    let Some(first) = next_chunk(&mut body).await? else {
        return Ok(Bytes::new());
    };
    if first.len() > limit {
        return Err(BodyError::TooLarge { limit });
    }
    let Some(second) = next_chunk(&mut body).await? else {
        return Ok(first);
    };
    let mut whole = BytesMut::with_capacity(announced.max(first.len() + second.len()));
    whole.extend_from_slice(&first);
    let mut next = Some(second);
    while let Some(chunk) = next {
        if chunk.len() > limit - whole.len() {
            return Err(BodyError::TooLarge { limit });
        }
        whole.extend_from_slice(&chunk);
        next = next_chunk(&mut body).await?;
    }
    Ok(whole.freeze())
}

/// The next piece of a body, `None` at its end. Trailers are skipped.
///
/// # Errors
/// [`BodyError::Cut`].
pub async fn next_chunk(body: &mut Body) -> Result<Option<Bytes>, BodyError> {
    while let Some(frame) = body.frame().await {
        if let Ok(chunk) = frame.map_err(BodyError::Cut)?.into_data() {
            return Ok(Some(chunk));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use bytes::Bytes;
    use futures_util::stream;

    use super::{BodyError, collect};

    fn chunks(parts: &'static [&'static str]) -> Body {
        Body::from_stream(stream::iter(
            parts
                .iter()
                .map(|part| Ok::<_, std::io::Error>(Bytes::from(*part))),
        ))
    }

    #[tokio::test]
    async fn the_limit_holds_for_announced_and_streamed_bodies() {
        assert_eq!(collect(Body::empty(), 0).await.unwrap(), "");
        assert_eq!(collect(Body::from("abc"), 3).await.unwrap(), "abc");
        assert!(matches!(
            collect(Body::from("abcd"), 3).await,
            Err(BodyError::TooLarge { limit: 3 })
        ));
        assert_eq!(collect(chunks(&["ab", "c", "d"]), 4).await.unwrap(), "abcd");
        assert!(matches!(
            collect(chunks(&["abcd"]), 3).await,
            Err(BodyError::TooLarge { limit: 3 })
        ));
        assert!(matches!(
            collect(chunks(&["ab", "c", "d"]), 3).await,
            Err(BodyError::TooLarge { limit: 3 })
        ));
    }

    #[tokio::test]
    async fn a_cut_body_is_told_apart() {
        let broken = stream::iter([Ok(Bytes::from("ab")), Err(std::io::Error::other("reset"))]);
        assert!(matches!(
            collect(Body::from_stream(broken), 9).await,
            Err(BodyError::Cut(_))
        ));
    }
}
