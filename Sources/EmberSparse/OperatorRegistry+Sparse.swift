import EmberRuntime
import EmberTensor

extension SparseTensor: OperatorArgument {
  public static func represents(_ kind: OperatorSchema.Kind) -> Bool { kind.base == "Tensor" && !kind.isList && !kind.isOptional }
  public static func read(_ value: OperatorValue, as kind: OperatorSchema.Kind) -> SparseTensor? {
    if case .opaque(let content) = value { return content as? SparseTensor }
    return nil
  }
}

extension SparseTensor: OperatorResult {
  public static func represents(result kind: OperatorSchema.Kind) -> Bool { kind.base == "Tensor" && !kind.isList }
  public var operatorValue: OperatorValue { .opaque(self) }
}

extension OperatorRegistry {
  /// Functions that keep zeros: of a sparse tensor they act on the stored elements.
  private static let zeroKeeping = [
    "abs", "absolute", "angle", "arcsin", "arcsinh", "arctan", "arctanh", "asin", "asinh", "atan", "atanh", "ceil", "conj", "conj_physical",
    "deg2rad", "erf",
    "erfinv", "expm1", "fix", "floor", "frac", "isinf", "isnan", "isneginf", "isposinf", "log1p", "nan_to_num", "neg", "negative",
    "positive",
    "rad2deg", "relu", "round", "round.decimals", "sgn", "sign", "signbit", "sin", "sinh", "sqrt", "square", "tan", "tanh", "trunc",
  ]

  /// Adds the operators of this module, and gives others, which must have been added before, a function for sparse tensors.
  public mutating func addSparseOperators() {
    add("torch.sparse.mm(Tensor mat1, Any mat2, str? reduce=None) -> Tensor") {
      (a: SparseTensor, b: OperatorValue, reduce: String?) throws -> OperatorValue in
      if let other = SparseTensor.read(b, as: OperatorSchema.Kind(base: "Tensor")) { return .opaque(try a.matmul(other)) }
      guard case .tensor(let other) = b, let reduction = SparseTensor.RowReduction(rawValue: reduce ?? "sum") else {
        throw EmberError(.value, in: "sparse.mm", "\(b.kind) with reduce \(reduce ?? "None"); it must be sum, mean, amax or amin")
      }
      return .tensor(try a.matmul(other, reduction))
    }
    add("aten::sparse_sampled_addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor") {
      (x: SparseTensor, a: Tensor, b: Tensor, beta: Scalar, alpha: Scalar) in try x.sampledAddMM(a, b, beta: beta, alpha: alpha)
    }
    add("aten::to_sparse.sparse_dim(Tensor self, int sparse_dim) -> Tensor") { (x: Tensor, dimensions: Int) in
      try x.toSparse(sparseDimensions: dimensions)
    }
    add("aten::to_sparse(Tensor self, *, Layout? layout=None, int[2]? blocksize=None, int? dense_dim=None) -> Tensor") {
      (x: Tensor, layout: OperatorValue, block: [Int]?, dense: Int?) in
      var wanted = SparseTensor.Layout.coordinates
      if case .layout(let name) = layout {
        guard let known = SparseTensor.Layout(rawValue: name) else {
          throw EmberError(.value, in: "to_sparse", "\(name) is no sparse layout")
        }
        wanted = known
      }
      return try x.toSparse(wanted, blockSize: block.map { ($0[0], $0[$0.count - 1]) }, denseDimensions: dense ?? 0)
    }
    add("aten::to_dense(Tensor self, ScalarType? dtype=None, *, bool? masked_grad=None) -> Tensor") {
      (x: SparseTensor, dtype: DType?, _: Bool?) in
      let dense = try x.dense()
      return dtype.map { dense.to($0) } ?? dense
    }
    add("aten::coalesce(Tensor(a) self) -> Tensor(a)") { (x: SparseTensor) in try x.coalesced() }
    extendForSparse()
  }

  private mutating func extendForSparse() {
    for name in Self.zeroKeeping where self["aten::" + name] != nil {
      extend("aten::" + name) { original, values in
        guard case .opaque(let content) = values[0], let x = content as? SparseTensor else { return try original.callBody(values) }
        let result = try x.map { elements in
          guard case .tensor(let y)? = try original.callBody([.tensor(elements)] + values.dropFirst()).first else { return elements }
          return y
        }
        return [.opaque(result)]
      }
    }
    extend("aten::sum") { original, values in
      guard case .opaque(let content) = values[0], let x = content as? SparseTensor else { return try original.callBody(values) }
      if case .dtype(let dtype) = values[1] { return [.tensor(x.sum(dtype: dtype))] }
      return [.tensor(x.sum())]
    }
    if self["aten::mul.Tensor"] != nil {
      extend("aten::mul.Tensor") { original, values in
        switch (values[0], values[1]) {
        case (.opaque(let content as SparseTensor), .tensor(let factor)), (.tensor(let factor), .opaque(let content as SparseTensor)):
          return [.opaque(try content.scaled(by: factor))]
        default: return try original.callBody(values)
        }
      }
    }
    for name in ["sum", "prod", "amax", "amin"] {
      extend("torch.masked.\(name)") { original, values in
        let kind = OperatorSchema.Kind(base: "Tensor")
        guard let x = SparseTensor.read(values[0], as: kind), let reduction = ScatterReduction(rawValue: name) else {
          return try original.callBody(values)
        }
        var mask: SparseTensor?
        switch values[4] {
        case .tensor(let dense): mask = try dense.expand(Array(x.shape)).toSparse(sparseDimensions: x.sparseDimensions)
        case let other: mask = SparseTensor.read(other, as: kind)
        }
        let dims = [Int].read(values[1], as: OperatorSchema.Kind(base: "int", isList: true))
        var keepDim = false
        var dtype: DType?
        if case .bool(let flag) = values[2] { keepDim = flag }
        if case .dtype(let given) = values[3] { dtype = given }
        return [.opaque(try x.maskedReduce(reduction, dims, keepDim: keepDim, dtype: dtype, mask: mask))]
      }
    }
  }
}
