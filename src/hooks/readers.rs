//! Threads of their own for what takes long to read.

use actix_web::web;
use tokio::sync::Semaphore;

use crate::senders::aside::Aside;

/// So many large documents are read at once: each takes some ten times its size meanwhile.
const READERS: usize = 4;

/// Reads large documents beside the workers, a few at a time.
#[derive(Debug)]
pub(super) struct Readers(Semaphore);

impl Readers {
    pub(super) const fn new() -> Self {
        Self(Semaphore::const_new(READERS))
    }
}

impl Aside for Readers {
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let _reader = self.0.acquire().await.ok()?;
        web::block(work).await.ok()
    }
}
