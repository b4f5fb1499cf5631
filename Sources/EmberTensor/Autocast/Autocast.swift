import EmberRuntime

/// Runs `body` in mixed precision: products and convolutions take their float32 inputs as `dtype`, operations that need the range of
/// float32 (losses, products of all elements, …) take 16-bit ones as float32, and all others run in what they are given.
///
/// The lists are those of PyTorch's `torch.autocast("cpu")`. Parameters stay as they are; float64 is left alone. Backward passes run in
/// the types of the forward one, in the scope or outside; call them outside. With float16 scale the loss (`GradScaler`).
///
/// - Parameters:
///   - dtype: `.bfloat16` or `.float16`.
///   - enabled: false turns an outer autocast off for a while.
public func autocast<Result, Failure: Error>(
  _ dtype: DType = .bfloat16, enabled: Bool = true, _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
  if dtype != .bfloat16 && dtype != .float16 {
    raise(EmberError(.dtype, in: "autocast", "\(dtype) is no type for mixed precision; use .bfloat16 or .float16"))
  }
  return try ThreadFlags.with(.autocasts, set: enabled) { () throws(Failure) -> Result in
    try ThreadFlags.with(.autocastsToFloat16, set: dtype == .float16, body)
  }
}

@available(*, unavailable, message: "autocast belongs to a thread and does not survive an await; call it around synchronous operations")
public func autocast<Result>(_ dtype: DType = .bfloat16, enabled: Bool = true, _ body: () async throws -> Result) async rethrows -> Result {
  fatalError()
}

/// True inside `autocast`.
public var isAutocastEnabled: Bool { ThreadFlags.current.contains(.autocasts) }

/// Runs a primitive under autocast: it counts as one, whatever operations it consists of inside.
func withoutAutocast<Result>(_ body: () -> Result) -> Result { ThreadFlags.with(.autocasts, set: false, body) }

/// Which operations `autocast` converts inputs for, by the name that their errors begin with.
public enum Autocast {
  enum Policy {
    case lower, float32
    /// Runs in what it is given, although it consists of operations that would be converted.
    case unchanged
  }

  /// `cat` and `stack` promote to the widest input by themselves, as everywhere.
  private static let policies: [String: Policy] = {
    let lower = [
      "matmul", "mm", "bmm", "addmm", "addbmm", "baddbmm", "linear", "prelu", "scaled_dot_product_attention", "linalg.vecdot",
      "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    ]
    let float32 = [
      "prod", "quantile", "nanquantile", "trace", "cdist", "polar", "stft", "grid_sampler", "fft", "rfft", "irfft",
      "cholesky_solve", "geqrf", "matrix_exp",
      "max_pool3d", "avg_pool3d", "adaptive_avg_pool3d", "adaptive_max_pool3d", "max_unpool1d", "max_unpool2d", "max_unpool3d", "fractional_max_pool2d",
      "fractional_max_pool3d", "reflection_pad1d", "reflection_pad2d", "replication_pad1d", "replication_pad2d", "replication_pad3d",
      "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "cross_entropy", "nll_loss", "kl_div", "binary_cross_entropy",
      "binary_cross_entropy_with_logits", "hinge_embedding_loss", "cosine_embedding_loss", "margin_ranking_loss", "soft_margin_loss",
      "triplet_margin_loss", "multi_margin_loss", "multilabel_margin_loss", "poisson_nll_loss", "ctc_loss",
    ]
    let unchanged = ["bilinear"]
    return Dictionary(
      lower.map { ($0, Policy.lower) } + float32.map { ($0, .float32) } + unchanged.map { ($0, .unchanged) },
      uniquingKeysWith: { first, _ in first })
  }()

  /// Decompositions count by the beginning of their name.
  private static func policy(of operation: String) -> Policy? {
    policies[operation] ?? (operation.hasPrefix("linalg.") ? .float32 : nil)
  }

  /// The dtype that products and convolutions take their float32 inputs as: for what is computed to be read by them. Nil outside of
  /// `autocast`.
  public static var productDType: DType? {
    let flags = ThreadFlags.current
    return !flags.contains(.autocasts) ? nil : flags.contains(.autocastsToFloat16) ? .float16 : .bfloat16
  }

  /// Inside `autocast`, the result of a function that consists of several operations but counts as one: `body` runs without autocast
  /// on inputs as it wants them. Nil outside, and for functions that it does not know; then the caller goes on.
  package static func asOne(_ name: String, _ inputs: [Tensor?], _ body: ([Tensor?]) -> Tensor) -> Tensor? {
    guard ThreadFlags.current.contains(.autocasts), policy(of: name) != nil else { return nil }
    let inputs = converted(name, inputs) ?? inputs
    return withoutAutocast { body(inputs) }
  }

  /// The inputs of an operation as autocast wants them; nil where they are so already, and outside of autocast.
  ///
  /// Primitives are converted when they are applied; functions that check their arguments first, or consist of several operations
  /// but count as one, begin with this.
  public static func converted(_ operation: @autoclosure () -> String, _ inputs: [Tensor?]) -> [Tensor?]? {
    let flags = ThreadFlags.current
    guard flags.contains(.autocasts), let policy = policy(of: operation()), policy != .unchanged else { return nil }
    let target = policy == .float32 ? .float32 : productDType!
    func isConverted(_ x: Tensor?) -> Bool {
      guard let x, !x.isPoisoned else { return false }
      return x.dtype != target && (x.dtype == .float32 || x.dtype == .float16 || x.dtype == .bfloat16)
    }
    guard inputs.contains(where: isConverted) else { return nil }
    return inputs.map { isConverted($0) ? $0!.to(target) : $0 }
  }
}
