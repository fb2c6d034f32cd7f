//! What takes long is not done where others wait.

/// Runs what takes long, away from the thread on which others wait.
pub trait Aside {
    /// Runs it; `None` where it did not come to its end.
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Option<T>>;
}
