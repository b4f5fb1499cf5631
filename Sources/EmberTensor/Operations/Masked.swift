import EmberRuntime

/// Reductions and normalisations of the elements where a mask holds: PyTorch's `torch.masked`.
///
/// A mask is bool (other dtypes count as true where they are not zero) and broadcasts to the tensor's shape; without one every
/// element counts. What is masked out takes no part and receives no gradient. `dims` empty or nil: over everything.
public enum Masked {
  /// Integers are summed as int64.
  public static func sum(
    _ x: Tensor, _ dims: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil, mask: Tensor? = nil
  ) -> Tensor { filled("sum", x, mask, 0).sum(dims ?? [], keepDim: keepDim, dtype: dtype) }

  /// Integers are multiplied as int64.
  public static func prod(
    _ x: Tensor, _ dims: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil, mask: Tensor? = nil
  ) -> Tensor { filled("prod", x, mask, 1).prod(dims ?? [], keepDim: keepDim, dtype: dtype) }

  /// Of the tensor's own dtype unless another is given.
  public static func cumsum(_ x: Tensor, _ dim: Int, dtype: DType? = nil, mask: Tensor? = nil) -> Tensor {
    filled("cumsum", x, mask, 0).cumsum(dim, dtype: dtype ?? x.dtype)
  }

  /// Of the tensor's own dtype unless another is given.
  public static func cumprod(_ x: Tensor, _ dim: Int, dtype: DType? = nil, mask: Tensor? = nil) -> Tensor {
    filled("cumprod", x, mask, 1).cumprod(dim, dtype: dtype ?? x.dtype)
  }

  /// The lowest value of the dtype where everything is masked out.
  public static func amax(
    _ x: Tensor, _ dims: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil, mask: Tensor? = nil
  ) -> Tensor { filled("amax", x, mask, x.dtype.lowest).amax(dims ?? [], keepDim: keepDim).to(dtype ?? x.dtype) }

  /// The highest value of the dtype where everything is masked out.
  public static func amin(
    _ x: Tensor, _ dims: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil, mask: Tensor? = nil
  ) -> Tensor { filled("amin", x, mask, x.dtype.highest).amin(dims ?? [], keepDim: keepDim).to(dtype ?? x.dtype) }

  /// Positions of the largest elements, as PyTorch has them: of the tensor's own dtype unless another is given.
  public static func argmax(_ x: Tensor, _ dim: Int? = nil, keepDim: Bool = false, dtype: DType? = nil, mask: Tensor? = nil) -> Tensor {
    filled("argmax", x, mask, x.dtype.lowest).argmax(dim, keepDim: keepDim).to(dtype ?? x.dtype)
  }

  /// Positions of the smallest elements, dtypes as of `argmax`.
  public static func argmin(_ x: Tensor, _ dim: Int? = nil, keepDim: Bool = false, dtype: DType? = nil, mask: Tensor? = nil) -> Tensor {
    filled("argmin", x, mask, x.dtype.highest).argmin(dim, keepDim: keepDim).to(dtype ?? x.dtype)
  }

  /// NaN where everything is masked out.
  public static func mean(
    _ x: Tensor, _ dims: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil, mask: Tensor? = nil
  ) -> Tensor {
    guard (dtype ?? x.dtype).isDifferentiable || x.isPoisoned else {
      return refuse(.dtype, "masked.mean", "\(x.summary) is not floating point; give dtype", beside: x)
    }
    return sum(x, dims, keepDim: keepDim, dtype: dtype, mask: mask) / count(x, dims, keepDim: keepDim, mask)
  }

  /// The lower median. Where everything is masked out NaN, or, of integers, an error.
  public static func median(_ x: Tensor, _ dim: Int = -1, keepDim: Bool = false, dtype: DType? = nil, mask: Tensor? = nil) -> Tensor {
    if x.isPoisoned { return x }
    if x.dtype.isFloatingPoint { return filled("median", x, mask, .real(.nan)).nanMedian(dim, keepDim: keepDim).values }
    let values = filled("median", x.to(.float32), mask, .real(.nan)).nanMedian(dim, keepDim: keepDim).values
    if values.isPoisoned { return values }
    if values.backend.holdsData, values.isNaN.any().item(as: Bool.self) {
      return refuse(.value, "masked.median", "everything is masked out somewhere, and \(x.dtype) has no NaN to say so", beside: x)
    }
    return values.to(dtype ?? x.dtype)
  }

  /// The norm of an order (see `Tensor.norm`), 0 where everything is masked out.
  public static func norm(
    _ x: Tensor, _ order: Double = 2, _ dims: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil, mask: Tensor? = nil
  ) -> Tensor {
    let kept = filled("norm", x, mask, order == -.infinity ? .real(.infinity) : 0)
    return (dtype.map { kept.to($0) } ?? kept).norm(order, dims ?? [], keepDim: keepDim)
  }

  /// The divisor is the number of elements less `correction`, not below 0.
  public static func `var`(
    _ x: Tensor, _ dims: [Int]? = nil, correction: Double = 1, keepDim: Bool = false, dtype: DType? = nil, mask: Tensor? = nil
  ) -> Tensor {
    let dtype = dtype ?? (x.dtype.isDifferentiable ? x.dtype : .float32)
    guard dtype.isDifferentiable else { return refuse(.dtype, "masked.var", "dtype \(dtype) is not floating point", beside: x) }
    let average = sum(x, dims, keepDim: true, dtype: dtype, mask: mask) / count(x, dims, keepDim: true, mask)
    let centred = x - average
    let total = sum(centred * centred.conj(), dims, keepDim: keepDim, dtype: dtype, mask: mask)
    let freedom = (count(x, dims, keepDim: keepDim, mask).to(dtype.realType) - correction).clamp(min: 0)
    return (total / freedom).to(dtype)
  }

  /// The square root of `var`.
  public static func std(
    _ x: Tensor, _ dims: [Int]? = nil, correction: Double = 1, keepDim: Bool = false, dtype: DType? = nil, mask: Tensor? = nil
  ) -> Tensor { `var`(x, dims, correction: correction, keepDim: keepDim, dtype: dtype, mask: mask).sqrt() }

  /// -infinity where everything is masked out.
  public static func logSumExp(
    _ x: Tensor, _ dims: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil, mask: Tensor? = nil
  ) -> Tensor {
    filled("logsumexp", x, mask, x.dtype.lowest).logSumExp(dims ?? [], keepDim: keepDim).to(dtype ?? x.dtype)
  }

  /// log(exp x + exp y) of two masked tensors; where both are masked out -infinity.
  public static func logAddExp(_ x: Tensor, _ y: Tensor, dtype: DType? = nil, xMask: Tensor? = nil, yMask: Tensor? = nil) -> Tensor {
    logAddExponentials(filled("logaddexp", x, xMask, x.dtype.lowest), filled("logaddexp", y, yMask, y.dtype.lowest)).to(dtype ?? x.dtype)
  }

  /// What is masked out gets 0.
  public static func softmax(_ x: Tensor, _ dim: Int, dtype: DType? = nil, mask: Tensor? = nil) -> Tensor {
    filled("softmax", x, mask, x.dtype.lowest).softmax(dim, dtype: dtype)
  }

  /// What is masked out gets -infinity.
  public static func logSoftmax(_ x: Tensor, _ dim: Int, dtype: DType? = nil, mask: Tensor? = nil) -> Tensor {
    filled("log_softmax", x, mask, x.dtype.lowest).logSoftmax(dim, dtype: dtype)
  }

  /// The softmax of the negated elements.
  public static func softmin(_ x: Tensor, _ dim: Int, dtype: DType? = nil, mask: Tensor? = nil) -> Tensor {
    (-filled("softmin", x, mask, x.dtype.highest)).softmax(dim, dtype: dtype)
  }

  /// Divided by the norm along a dimension, or by `epsilon` if that is larger.
  public static func normalize(
    _ x: Tensor, _ order: Double, _ dim: Int, epsilon: Double = 1e-12, dtype: DType? = nil, mask: Tensor? = nil
  ) -> Tensor {
    let length = norm(x, order, [dim], keepDim: true, dtype: dtype, mask: mask)
    return filled("normalize", x, mask, 0) / maximum(length, Tensor.full([], .real(epsilon), dtype: length.dtype, on: length.device))
  }

  // MARK: Parts

  private static let logAddExponentials = Pointwise(
    "logaddexp", roles: [.value, .value],
    derivative: { x, _, _, g in [g / (1 + EmberRuntime.exp(x[1] - x[0])), g / (1 + EmberRuntime.exp(x[0] - x[1]))] }
  ) { x, _ in
    // Equal infinities have no difference.
    select(
      x[0] .== x[1], x[0] + 0.69314718055994530942,
      EmberRuntime.maximum(x[0], x[1]) + EmberRuntime.log1p(EmberRuntime.exp(-EmberRuntime.abs(x[0] - x[1]))))
  }

  /// x with the neutral element of an operation where the mask does not hold.
  private static func filled(_ operation: String, _ x: Tensor, _ mask: Tensor?, _ neutral: Scalar) -> Tensor {
    guard let mask, !x.isPoisoned else { return x }
    guard let mask = canonical(operation, x, mask) else { return .poison }
    return x.maskedFill(!mask, neutral)
  }

  /// How many elements count, as int64.
  private static func count(_ x: Tensor, _ dims: [Int]?, keepDim: Bool, _ mask: Tensor?) -> Tensor {
    if x.isPoisoned { return x }
    let counted = mask.map { canonical("count", x, $0) ?? .poison } ?? Tensor.full([], true, on: x.device).expand(Array(x.shape))
    return counted.sum(dims ?? [], keepDim: keepDim)
  }

  /// The mask as bool of the tensor's shape.
  private static func canonical(_ operation: String, _ x: Tensor, _ mask: Tensor) -> Tensor? {
    guard mask.rank <= x.rank, mask.shape.broadcast(with: x.shape) == x.shape else {
      _ = refuse(.shape, "masked.\(operation)", "mask \(mask.summary) does not broadcast to \(x.summary)", beside: mask)
      return nil
    }
    return mask.to(.bool).expand(Array(x.shape))
  }
}

extension DType {
  /// What is below everything: -infinity, or the least integer. Of complex numbers, which have no order, the operations say so.
  fileprivate var lowest: Scalar { category >= .floatingPoint ? .real(-.infinity) : leastInteger }
  /// What is above everything.
  fileprivate var highest: Scalar { category >= .floatingPoint ? .real(.infinity) : greatestInteger }
}

extension OperatorRegistry {
  mutating func addMasked() {
    for (name, function) in [
      ("sum", { @Sendable in Masked.sum($0, $1, keepDim: $2, dtype: $3, mask: $4) }),
      ("prod", { @Sendable in Masked.prod($0, $1, keepDim: $2, dtype: $3, mask: $4) }),
      ("amax", { @Sendable in Masked.amax($0, $1, keepDim: $2, dtype: $3, mask: $4) }),
      ("amin", { @Sendable in Masked.amin($0, $1, keepDim: $2, dtype: $3, mask: $4) }),
      ("mean", { @Sendable in Masked.mean($0, $1, keepDim: $2, dtype: $3, mask: $4) }),
      ("logsumexp", { @Sendable in Masked.logSumExp($0, $1, keepDim: $2, dtype: $3, mask: $4) }),
    ] as [(String, @Sendable (Tensor, [Int]?, Bool, DType?, Tensor?) -> Tensor)] {
      add(
        "torch.masked.\(name)(Tensor input, int[]? dim=None, *, bool? keepdim=False, ScalarType? dtype=None, Tensor? mask=None) -> Tensor"
      ) {
        (x: Tensor, dims: [Int]?, keepDim: Bool?, dtype: DType?, mask: Tensor?) in function(x, dims, keepDim ?? false, dtype, mask)
      }
    }
    for (name, function) in [
      ("argmax", { @Sendable in Masked.argmax($0, $1, keepDim: $2, dtype: $3, mask: $4) }),
      ("argmin", { @Sendable in Masked.argmin($0, $1, keepDim: $2, dtype: $3, mask: $4) }),
    ] as [(String, @Sendable (Tensor, Int?, Bool, DType?, Tensor?) -> Tensor)] {
      add("torch.masked.\(name)(Tensor input, int? dim=None, *, bool? keepdim=False, ScalarType? dtype=None, Tensor? mask=None) -> Tensor")
      {
        (x: Tensor, dim: Int?, keepDim: Bool?, dtype: DType?, mask: Tensor?) in function(x, dim, keepDim ?? false, dtype, mask)
      }
    }
    for (name, function) in [
      ("cumsum", { @Sendable in Masked.cumsum($0, $1, dtype: $2, mask: $3) }),
      ("cumprod", { @Sendable in Masked.cumprod($0, $1, dtype: $2, mask: $3) }),
      ("softmax", { @Sendable in Masked.softmax($0, $1, dtype: $2, mask: $3) }),
      ("log_softmax", { @Sendable in Masked.logSoftmax($0, $1, dtype: $2, mask: $3) }),
      ("softmin", { @Sendable in Masked.softmin($0, $1, dtype: $2, mask: $3) }),
    ] as [(String, @Sendable (Tensor, Int, DType?, Tensor?) -> Tensor)] {
      add("torch.masked.\(name)(Tensor input, int dim, *, ScalarType? dtype=None, Tensor? mask=None) -> Tensor") {
        (x: Tensor, dim: Int, dtype: DType?, mask: Tensor?) in function(x, dim, dtype, mask)
      }
    }
    for (name, function) in [
      ("var", { @Sendable in Masked.var($0, $1, correction: $2, keepDim: $3, dtype: $4, mask: $5) }),
      ("std", { @Sendable in Masked.std($0, $1, correction: $2, keepDim: $3, dtype: $4, mask: $5) }),
    ] as [(String, @Sendable (Tensor, [Int]?, Double, Bool, DType?, Tensor?) -> Tensor)] {
      add(
        """
        torch.masked.\(name)(Tensor input, int[]? dim=None, bool? unbiased=None, *, Scalar? correction=None, bool? keepdim=False, \
        ScalarType? dtype=None, Tensor? mask=None) -> Tensor
        """
      ) { (x: Tensor, dims: [Int]?, unbiased: Bool?, correction: Scalar?, keepDim: Bool?, dtype: DType?, mask: Tensor?) in
        guard unbiased == nil || correction == nil else { throw EmberError(.value, in: name, "give unbiased or correction, not both") }
        return function(x, dims, correction?.doubleValue ?? (unbiased == false ? 0 : 1), keepDim ?? false, dtype, mask)
      }
    }
    add("torch.masked.median(Tensor input, int dim=-1, *, bool keepdim=False, ScalarType? dtype=None, Tensor? mask=None) -> Tensor") {
      (x: Tensor, dim: Int, keepDim: Bool, dtype: DType?, mask: Tensor?) in
      Masked.median(x, dim, keepDim: keepDim, dtype: dtype, mask: mask)
    }
    add(
      """
      torch.masked.norm(Tensor input, float? ord=2.0, int[]? dim=None, *, bool? keepdim=False, ScalarType? dtype=None, \
      Tensor? mask=None) -> Tensor
      """
    ) { (x: Tensor, order: Double?, dims: [Int]?, keepDim: Bool?, dtype: DType?, mask: Tensor?) in
      Masked.norm(x, order ?? 2, dims, keepDim: keepDim ?? false, dtype: dtype, mask: mask)
    }
    add("torch.masked.normalize(Tensor input, float ord, int dim, *, float eps=1e-12, ScalarType? dtype=None, Tensor? mask=None) -> Tensor")
    {
      (x: Tensor, order: Double, dim: Int, epsilon: Double, dtype: DType?, mask: Tensor?) in
      Masked.normalize(x, order, dim, epsilon: epsilon, dtype: dtype, mask: mask)
    }
    add(
      """
      torch.masked.logaddexp(Tensor input, Tensor other, *, ScalarType? dtype=None, Tensor? input_mask=None, \
      Tensor? other_mask=None) -> Tensor
      """
    ) { (x: Tensor, y: Tensor, dtype: DType?, xMask: Tensor?, yMask: Tensor?) in
      Masked.logAddExp(x, y, dtype: dtype, xMask: xMask, yMask: yMask)
    }
  }
}
