//! Time-outs on peers that stop: neither a body that never continues nor an answer that is never read may hold a
//! connection for good.

use std::{
    error::Error,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::oneshot,
    time::{Sleep, sleep, timeout},
};

/// How much of a refused body is read and thrown away, in bytes: enough for what clients send by mistake.
const DRAIN_LIMIT: usize = 16 << 20;
/// How long that may take.
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// Measures how long a peer has been silent; the timer exists only while it is.
struct Patience {
    limit: Duration,
    silence: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    fn new(limit: Duration) -> Self {
        Self {
            limit,
            silence: None,
        }
    }

    /// Whether `polled`, a step that waits for the peer, has waited for too long.
    fn exhausted<T>(&mut self, polled: &Poll<T>, context: &mut Context<'_>) -> bool {
        if polled.is_ready() {
            self.silence = None;
            return false;
        }
        let silence = self
            .silence
            .get_or_insert_with(|| Box::pin(sleep(self.limit)));
        silence.as_mut().poll(context).is_ready()
    }
}

/// A request body that fails when its sender is silent for too long. Dropped before its end, it leaves what is not
/// read yet to its [`Leftover`].
pub(crate) struct GuardedBody {
    /// `None` only while it is dropped.
    inner: Option<Incoming>,
    patience: Patience,
    leave_to: Option<oneshot::Sender<Incoming>>,
}

/// What a handler did not read of a body.
pub(crate) struct Leftover(oneshot::Receiver<Incoming>);

impl GuardedBody {
    pub(crate) fn new(inner: Incoming, limit: Duration) -> (Self, Leftover) {
        let (leave_to, left) = oneshot::channel();
        let body = Self {
            inner: Some(inner),
            patience: Patience::new(limit),
            leave_to: Some(leave_to),
        };
        (body, Leftover(left))
    }
}

impl Leftover {
    /// Reads what was left, within limits, so that a client that is still sending reads the answer instead of a reset.
    pub(crate) async fn drain(mut self) {
        let Ok(mut rest) = self.0.try_recv() else {
            return;
        };
        let mut left = DRAIN_LIMIT;
        let drained = timeout(DRAIN_TIME, async {
            while let Some(Ok(frame)) = rest.frame().await {
                let length = frame.data_ref().map_or(0, Bytes::len);
                let Some(still) = left.checked_sub(length) else {
                    return;
                };
                left = still;
            }
        });
        if drained.await.is_err() {
            tracing::debug!("gave up on the rest of a refused body");
        }
    }
}

impl Drop for GuardedBody {
    fn drop(&mut self) {
        if let (Some(inner), Some(leave_to)) = (self.inner.take(), self.leave_to.take()) {
            // Nobody waits for it after a success.
            drop(leave_to.send(inner));
        }
    }
}

impl Body for GuardedBody {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(inner) = &mut self.inner else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(inner).poll_frame(context);
        if self.patience.exhausted(&polled, context) {
            self.leave_to = None;
            return Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::TimedOut).into())));
        }
        let frame = ready!(polled);
        if !matches!(frame, Some(Ok(_))) {
            self.leave_to = None;
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

/// A connection whose writes fail when the peer reads nothing for too long.
pub(crate) struct GuardedStream<S> {
    inner: S,
    patience: Patience,
}

impl<S> GuardedStream<S> {
    pub(crate) fn new(inner: S, limit: Duration) -> Self {
        Self {
            inner,
            patience: Patience::new(limit),
        }
    }

    fn guard<T>(
        &mut self,
        polled: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if self.patience.exhausted(&polled, context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        polled
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for GuardedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for GuardedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.guard(polled, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(context, parts);
        self.guard(polled, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_flush(context);
        self.guard(polled, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_shutdown(context);
        self.guard(polled, context)
    }
}
