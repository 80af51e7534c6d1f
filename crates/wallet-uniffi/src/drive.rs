//! Running the wallet's futures on the calling thread.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use crate::error::WalletError;

/// Runs a future whose ports all block: it is done when it is first polled.
pub(crate) fn drive<T>(future: impl Future<Output = T>) -> Result<T, WalletError> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => Err(WalletError::here("port_waits", "a port waits instead of blocking")),
    }
}
