//! How long a request waits for its connection: name, TCP and TLS where it opens one, nothing where one is
//! there.
//!
//! The client does not tell which connection a request gets. But it opens one within the poll of the request
//! that needs it, and finishes there unless another becomes free sooner; then it is finished in the
//! background. A task-local value therefore tells whose it is: the only way from a connector to its request.

use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

tokio::task_local! {
    static WAITING: Arc<Waiting>;
}

/// A request that waits for its connection.
#[derive(Debug)]
struct Waiting {
    since: Instant,
    opens: OnceLock<()>,
    stood: OnceLock<Duration>,
}

/// Runs a request's exchange up to its head, and tells how long it waited for its connection: zero where one
/// was idle or shared, nothing where one that was opened for another request became free sooner.
pub(super) async fn timed<F: Future>(exchange: F) -> (F::Output, Option<Duration>) {
    let waiting = Arc::new(Waiting { since: Instant::now(), opens: OnceLock::new(), stood: OnceLock::new() });
    let output = WAITING.scope(Arc::clone(&waiting), exchange).await;
    let waited = match waiting.opens.get() {
        None => Some(Duration::ZERO),
        Some(()) => waiting.stood.get().copied(),
    };
    (output, waited)
}

/// Puts a [`TimedConnector`] around the client's connector.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timed;

impl<S> Layer<S> for Timed {
    type Service = TimedConnector<S>;

    fn layer(&self, connector: S) -> Self::Service {
        TimedConnector(connector)
    }
}

/// Tells the request that opens a connection when it stands.
#[derive(Clone, Debug)]
pub(super) struct TimedConnector<S>(S);

impl<S, A> Service<A> for TimedConnector<S>
where
    S: Service<A, Future: Send + 'static>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, address: A) -> Self::Future {
        let opener = WAITING.try_with(Arc::clone).ok();
        if let Some(opener) = &opener {
            opener.opens.get_or_init(|| ());
        }
        let connecting = self.0.call(address);
        Box::pin(async move {
            let connection = connecting.await?;
            if let Some(opener) = opener {
                opener.stands();
            }
            Ok(connection)
        })
    }
}

impl Waiting {
    /// The connection stands; it is this request's only where the request is still what drives it.
    fn stands(self: Arc<Self>) {
        if WAITING.try_with(|current| Arc::ptr_eq(current, &self)).unwrap_or(false) {
            self.stood.get_or_init(|| self.since.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::time::sleep;

    use super::*;

    const ROUND_TRIP: Duration = Duration::from_millis(30);

    /// A network that takes a round trip for each connection.
    #[derive(Clone)]
    struct Network;

    impl Service<()> for Network {
        type Response = ();
        type Error = ();
        type Future = BoxFuture<'static, Result<(), ()>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            sleep(ROUND_TRIP).map(Ok).boxed()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_opens_a_connection_waited_until_it_stood_and_not_until_its_answer() {
        let mut connector = Timed.layer(Network);
        let ((), waited) = timed(async {
            connector.call(()).await.unwrap();
            sleep(ROUND_TRIP * 3).await;
        })
        .await;
        assert_eq!(waited, Some(ROUND_TRIP));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_finds_a_connection_waited_for_none() {
        let ((), waited) = timed(sleep(ROUND_TRIP)).await;
        assert_eq!(waited, Some(Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_finished_in_the_background_is_not_the_requests() {
        let mut connector = Timed.layer(Network);
        let mut background = tokio::task::JoinSet::new();
        let ((), waited) = timed(async {
            // Another's connection becomes free sooner; the client finishes this one for later.
            background.spawn(connector.call(()));
            sleep(ROUND_TRIP * 2).await;
        })
        .await;
        assert_eq!(waited, None);
        assert!(background.join_next().await.unwrap().unwrap().is_ok());
    }
}
