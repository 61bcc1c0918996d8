/// An error's class: the value of `error.type`, the same on a span and on its metric.
///
/// ```
/// enum NoAnswer {
///     Timeout,
///     Other(std::io::Error),
/// }
///
/// impl telemetry::ErrorType for NoAnswer {
///     fn error_type(&self) -> &'static str {
///         match self {
///             Self::Timeout => "timeout",
///             Self::Other(_) => "_OTHER",
///         }
///     }
/// }
/// ```
pub trait ErrorType {
    /// One of few, never the error's text: `timeout`, `connect` and the like, or `_OTHER`.
    fn error_type(&self) -> &'static str;
}
