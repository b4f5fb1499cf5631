import EmberRuntime
import EmberTensor

/// The order of a norm: a number, `fro` or `nuc`.
public enum NormOrder: Sendable, Hashable {
  case number(Double)
  /// The root of the sum of squares.
  case frobenius
  /// The sum of the singular values.
  case nuclear

  public init?(_ name: String) {
    switch name {
    case "fro": self = .frobenius
    case "nuc": self = .nuclear
    case "inf": self = .number(.infinity)
    case "-inf": self = .number(-.infinity)
    default: return nil
    }
  }
}

extension Linalg {
  /// The p-norm of vectors: of everything without `dim`, else along those dimensions.
  public static func vectorNorm(
    _ x: Tensor, _ order: Double = 2, dim: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil
  ) -> Tensor {
    compose("linalg.vector_norm", [x]) { () throws(EmberError) in
      try checkNorm("linalg.vector_norm", x, dtype)
      return x.vectorNorm(order, dim ?? [], keepDim: keepDim, dtype: dtype)
    }
  }

  /// The norm of the matrices in two dimensions. Orders: `fro`, `nuc`, ±2 (largest and smallest singular value), ±1 and ±∞
  /// (extreme sum of a column's or a row's magnitudes).
  public static func matrixNorm(
    _ x: Tensor, _ order: NormOrder = .frobenius, dim: [Int] = [-2, -1], keepDim: Bool = false, dtype: DType? = nil
  ) -> Tensor {
    compose("linalg.matrix_norm", [x]) { () throws(EmberError) in
      let name = "linalg.matrix_norm"
      try checkNorm(name, x, dtype)
      guard x.rank >= 2, dim.count == 2 else {
        throw EmberError(.shape, in: name, "\(x.summary) with dimensions \(dim): two dimensions of at least two are needed")
      }
      let i = try wrapDimension(dim[0], x.rank, in: name)
      let j = try wrapDimension(dim[1], x.rank, in: name)
      guard i != j else { throw EmberError(.value, in: name, "dimension \(dim[0]) is given twice") }
      let a = dtype.map { x.to($0) } ?? x
      /// Singular values need the matrices at the end.
      func ofSingularValues(_ reduce: (Tensor) -> Tensor) throws(EmberError) -> Tensor {
        let moved = a.permute((0..<a.rank).filter { $0 != i && $0 != j } + [i, j])
        let values = reduce(svdvals(moved))
        return keepDim ? values.reshape(a.shape.enumerated().map { $0.offset == i || $0.offset == j ? 1 : $0.element }) : values
      }
      /// The extreme of numbers along a dimension; the largest of no magnitudes is 0, the smallest does not exist.
      func extreme(_ x: Tensor, _ dimension: Int, largest: Bool, keepDim: Bool) -> Tensor {
        if largest, x.size(dimension) == 0 { return x.sum([dimension], keepDim: keepDim) }
        return largest ? x.amax([dimension], keepDim: keepDim) : x.amin([dimension], keepDim: keepDim)
      }
      switch order {
      case .frobenius: return a.vectorNorm(2, [i, j], keepDim: keepDim)
      case .nuclear: return try ofSingularValues { $0.sum(-1) }
      case .number(let p) where p.magnitude == 2:
        return try ofSingularValues { extreme($0, -1, largest: p > 0, keepDim: false) }
      case .number(let p) where p.magnitude == 1 || p.magnitude == .infinity:
        let (summed, compared) = p.magnitude == 1 ? (i, j) : (j, i)
        let sums = a.vectorNorm(1, [summed], keepDim: true)
        let result = extreme(sums, compared, largest: p > 0, keepDim: true)
        return keepDim ? result : result.reshape(a.shape.enumerated().filter { $0.offset != i && $0.offset != j }.map(\.element))
      case .number(let p): throw EmberError(.value, in: name, "there is no matrix norm of order \(p); orders are fro, nuc, ±1, ±2 and ±inf")
      }
    }
  }

  /// The norm of a vector or of matrices: without `order` and `dim` of all elements; with an order, of the vector or matrix that x
  /// is, or of those in one or two dimensions.
  public static func norm(
    _ x: Tensor, _ order: NormOrder? = nil, dim: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil
  ) -> Tensor {
    compose("linalg.norm", [x]) { () throws(EmberError) in
      if let dim, dim.isEmpty || dim.count > 2 {
        throw EmberError(.value, in: "linalg.norm", "dimensions \(dim): a norm is of vectors in one or of matrices in two")
      }
      guard let order else { return vectorNorm(x, 2, dim: dim, keepDim: keepDim, dtype: dtype) }
      guard dim != nil || x.rank == 1 || x.rank == 2 else {
        throw EmberError(.shape, in: "linalg.norm", "\(x.summary) is neither a vector nor a matrix; give dim, or no order")
      }
      if dim?.count ?? x.rank == 2 {
        return matrixNorm(x, order, dim: dim ?? [0, 1], keepDim: keepDim, dtype: dtype)
      }
      guard case .number(let p) = order else {
        throw EmberError(.value, in: "linalg.norm", "the order \(order) is one of matrices, not of vectors")
      }
      return vectorNorm(x, p, dim: dim, keepDim: keepDim, dtype: dtype)
    }
  }

  private static func checkNorm(_ name: String, _ x: Tensor, _ dtype: DType?) throws(EmberError) {
    guard x.dtype.category >= .floatingPoint else {
      throw EmberError(.dtype, in: name, "\(x.summary) is neither floating point nor complex; convert with .to(.float32)")
    }
    if let dtype {
      guard dtype.category == x.dtype.category, dtype.size >= x.dtype.size else {
        throw EmberError(.dtype, in: name, "\(x.summary) cannot be taken as \(dtype) without loss")
      }
    }
  }

  /// How much a solution can change for a change of A: ‖A‖·‖A⁻¹‖; by default of norm 2, the ratio of extreme singular values.
  public static func cond(_ a: Tensor, _ order: NormOrder? = nil) -> Tensor {
    compose("linalg.cond", [a]) { () throws(EmberError) in
      try checkMatrices("linalg.cond", a)
      let order = order ?? .number(2)
      if a.elementCount == 0 { return Tensor.zeros(Array(batchShape(a)), dtype: a.dtype.realType, on: a.device) }
      if order == .number(2) || order == .number(-2) {
        let s = svdvals(a)
        let largest = s.select(-1, 0)
        let smallest = s.select(-1, -1)
        return order == .number(2) ? largest / smallest : smallest / largest
      }
      try checkMatrices("linalg.cond", a, square: true)
      let (inverse, info) = invEx(a)
      let product = matrixNorm(a, order) * matrixNorm(inverse, order)
      return product.maskedFill(info .!= 0, .real(.infinity))
    }
  }
}

extension Tensor {
  /// The p-norm of the difference of two tensors, which broadcast.
  public func dist(_ other: Tensor, p: Double = 2) -> Tensor {
    compose("dist", [self, other]) { () throws(EmberError) in (self - other).vectorNorm(p) }
  }
}

extension OperatorRegistry {
  mutating func addNorms() {
    @Sendable func order(_ name: String) throws -> NormOrder {
      guard let order = NormOrder(name) else { throw EmberError(.value, in: "norm", "there is no norm \"\(name)\"") }
      return order
    }
    add("aten::dist(Tensor self, Tensor other, Scalar p=2) -> Tensor") { (a: Tensor, b: Tensor, p: Scalar) in a.dist(b, p: p.doubleValue) }
    add(
      "aten::linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor"
    ) { (x: Tensor, p: Scalar, dim: [Int]?, keepDim: Bool, dtype: DType?) in
      Linalg.vectorNorm(x, p.doubleValue, dim: dim, keepDim: keepDim, dtype: dtype)
    }
    add(
      "aten::linalg_matrix_norm(Tensor self, Scalar ord, int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None) -> Tensor"
    ) { (x: Tensor, p: Scalar, dim: [Int], keepDim: Bool, dtype: DType?) in
      Linalg.matrixNorm(x, .number(p.doubleValue), dim: dim, keepDim: keepDim, dtype: dtype)
    }
    add(
      "aten::linalg_matrix_norm.str_ord(Tensor self, str ord='fro', int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None)"
        + " -> Tensor"
    ) { (x: Tensor, name: String, dim: [Int], keepDim: Bool, dtype: DType?) throws in
      Linalg.matrixNorm(x, try order(name), dim: dim, keepDim: keepDim, dtype: dtype)
    }
    add("aten::linalg_norm(Tensor self, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor") {
      (x: Tensor, p: Scalar?, dim: [Int]?, keepDim: Bool, dtype: DType?) in
      Linalg.norm(x, p.map { .number($0.doubleValue) }, dim: dim, keepDim: keepDim, dtype: dtype)
    }
    add("aten::linalg_norm.ord_str(Tensor self, str ord, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor") {
      (x: Tensor, name: String, dim: [Int]?, keepDim: Bool, dtype: DType?) throws in
      Linalg.norm(x, try order(name), dim: dim, keepDim: keepDim, dtype: dtype)
    }
    add("aten::linalg_cond(Tensor self, Scalar? p=None) -> Tensor") { (a: Tensor, p: Scalar?) in
      Linalg.cond(a, p.map { .number($0.doubleValue) })
    }
    add("aten::linalg_cond.p_str(Tensor self, str p) -> Tensor") { (a: Tensor, name: String) throws in Linalg.cond(a, try order(name)) }
    addOlderNorms(order)
  }

  /// `torch.norm` and its overloads: vector norms over any dimensions, `nuc` over two.
  private mutating func addOlderNorms(_ order: @escaping @Sendable (String) throws -> NormOrder) {
    @Sendable func norm(_ x: Tensor, _ order: NormOrder, _ dim: [Int]?, _ keepDim: Bool, _ dtype: DType?) -> Tensor {
      switch order {
      case .number(let p): Linalg.vectorNorm(x, p, dim: dim, keepDim: keepDim, dtype: dtype)
      case .frobenius: Linalg.vectorNorm(x, 2, dim: dim, keepDim: keepDim, dtype: dtype)
      case .nuclear: Linalg.matrixNorm(x, .nuclear, dim: dim ?? Array(0..<x.rank), keepDim: keepDim, dtype: dtype)
      }
    }
    add("torch.norm(Tensor input, Any p='fro', int[1]? dim=None, bool keepdim=False, Any? out=None, ScalarType? dtype=None) -> Tensor") {
      (x: Tensor, p: OperatorValue, dim: [Int]?, keepDim: Bool, _: OperatorValue, dtype: DType?) throws in
      let chosen: NormOrder
      switch p {
      case .none: chosen = .frobenius
      case .string(let name): chosen = try order(name)
      default:
        guard let number = p.scalar else { throw EmberError(.value, in: "norm", "p must be a number or a name, not a \(p.kind)") }
        chosen = .number(number.doubleValue)
      }
      return norm(x, chosen, dim, keepDim, dtype)
    }
    add("aten::norm.Scalar(Tensor self, Scalar p=2) -> Tensor") { (x: Tensor, p: Scalar) in
      norm(x, .number(p.doubleValue), nil, false, nil)
    }
    add("aten::norm.ScalarOpt_dtype(Tensor self, Scalar? p, *, ScalarType dtype) -> Tensor") { (x: Tensor, p: Scalar?, dtype: DType) in
      norm(x, .number(p?.doubleValue ?? 2), nil, false, dtype)
    }
    add("aten::norm.ScalarOpt_dim(Tensor self, Scalar? p, int[1] dim, bool keepdim=False) -> Tensor") {
      (x: Tensor, p: Scalar?, dim: [Int], keepDim: Bool) in norm(x, .number(p?.doubleValue ?? 2), dim, keepDim, nil)
    }
    add("aten::norm.ScalarOpt_dim_dtype(Tensor self, Scalar? p, int[1] dim, bool keepdim, *, ScalarType dtype) -> Tensor") {
      (x: Tensor, p: Scalar?, dim: [Int], keepDim: Bool, dtype: DType) in norm(x, .number(p?.doubleValue ?? 2), dim, keepDim, dtype)
    }
  }
}
