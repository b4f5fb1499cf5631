import EmberRuntime
import EmberTensor

extension Builtins {
  /// What a script asks of a tensor, and functions that return the tensor they were given.
  static func addTensorProperties(_ table: inout [String: Builtin]) {
    func property(_ names: String..., body: @escaping (Tensor) throws -> ScriptValue) {
      for name in names {
        table[name] = { arguments, _ in
          guard arguments.count == 1, case .tensor(let reference) = arguments.positional[0] else { return nil }
          return try body(try reference.value)
        }
      }
    }
    property("aten::dim", "prim::ndim") { .integer($0.rank) }
    property("aten::numel") { .integer($0.elementCount) }
    property("prim::shape") { .list(ScriptList(integers: Array($0.shape))) }
    property("prim::dtype") { .integer(code(of: $0.dtype)) }
    property("prim::device") { .device($0.device) }
    property("prim::layout") { _ in .integer(0) }
    property("prim::requires_grad") { .bool($0.requiresGrad) }
    property("prim::is_cuda", "prim::is_mkldnn", "prim::is_quantized", "prim::is_sparse", "prim::is_sparse_csr", "prim::is_nested", "prim::is_mps", "prim::is_ipu", "prim::is_maia", "prim::is_vulkan", "prim::is_xpu") {
      _ in .bool(false)
    }
    property("prim::is_meta") { .bool($0.device == .meta) }
    property("prim::is_cpu") { .bool($0.device == .cpu) }
    property("prim::itemsize", "aten::element_size") { .integer($0.dtype.size) }
    property("aten::is_floating_point") { .bool($0.dtype.category == .floatingPoint) }
    property("aten::is_complex") { .bool($0.dtype.isComplex) }
    property("aten::is_signed") { .bool($0.dtype != .bool && !$0.dtype.name.hasPrefix("uint")) }
    property("aten::is_leaf") { .bool(!$0.requiresGrad || $0.isLeaf) }
    property("aten::is_nonzero") { tensor in .bool(try ScriptValue.tensor(TensorReference(tensor)).isTrue) }
    property("aten::storage_offset") { _ in .integer(0) }
    table["aten::stride"] = { arguments, _ in
      guard case .tensor(let reference)? = arguments.positional.first else { return nil }
      let strides = try reference.value.strideList
      guard let dimension = try arguments.optional(1)?.integer("dim") else { return .list(ScriptList(integers: strides)) }
      return .integer(strides[try wrapped(dimension, strides.count)])
    }
    table["aten::size"] = { arguments, _ in
      guard case .tensor(let reference)? = arguments.positional.first else { return nil }
      let shape = Array(try reference.value.shape)
      guard let dimension = try arguments.optional(1)?.integer("dim") else { return .list(ScriptList(integers: shape)) }
      return .integer(shape[try wrapped(dimension, shape.count)])
    }
    table["aten::is_contiguous"] = { arguments, _ in
      guard case .tensor(let reference)? = arguments.positional.first else { return nil }
      return .bool(try reference.value.isContiguous)
    }
    for name in ["aten::cpu", "aten::lift_fresh", "aten::lift", "aten::requires_grad_", "aten::resolve_neg", "aten::pin_memory", "aten::cuda"] {
      table[name] = { arguments, _ in
        guard case .tensor? = arguments.positional.first else { return nil }
        return arguments.positional[0]
      }
    }
    let detach: Builtin = { arguments, _ in
      guard case .tensor(let reference)? = arguments.positional.first else { return nil }
      return .tensor(try reference.view(try reference.value.detach(), replacement: { $1 }) { $0.detach() })
    }
    table["aten::detach"] = detach
    table["prim::data"] = detach
    table["aten::detach_"] = { arguments, _ in
      guard case .tensor(let reference)? = arguments.positional.first else { return nil }
      try reference.write(try reference.value.detach())
      return arguments.positional[0]
    }
    for (name, rearrange): (String, (Tensor) -> Tensor) in [
      ("prim::T", { $0.permute(Array((0..<$0.rank).reversed())) }), ("prim::mT", { $0.transpose(-2, -1) }),
    ] {
      table[name] = { arguments, _ in
        guard case .tensor(let reference)? = arguments.positional.first else { return nil }
        // Each of them is its own way back.
        return .tensor(try reference.view(try catchingErrors { rearrange(try reference.value) }, replacement: { rearrange($1) }, rearrange))
      }
    }
    table["aten::to"] = to
    for (name, target) in [("type_as", nil), ("float", DType.float32), ("double", .float64), ("half", .float16), ("long", .int64), ("int", .int32)] {
      table["aten::\(name)"] = { arguments, machine in
        guard case .tensor(let reference)? = arguments.positional.first else { return nil }
        let wanted = try target ?? arguments.positional.dropFirst().first?.tensor("other").value.dtype
        guard let wanted, try reference.value.dtype != wanted else { return arguments.positional[0] }
        return .tensor(TensorReference(try catchingErrors { try reference.value.to(wanted) }))
      }
    }
  }

  /// The position of a dimension that may count from the end.
  static func wrapped(_ dimension: Int, _ rank: Int) throws(ScriptFailure) -> Int {
    let position = dimension < 0 ? dimension + rank : dimension
    guard 0..<rank ~= position else { throw ScriptFailure(.index, "dimension \(dimension) of a tensor of \(rank) dimensions") }
    return position
  }

  /// `Tensor.to` in its four forms: the same tensor, unless something changes or a copy is asked for.
  private static func to(_ arguments: Arguments, _: Machine) throws -> ScriptValue? {
    guard case .tensor(let reference)? = arguments.positional.first else { return nil }
    let value = try reference.value
    var wanted = value.dtype, copies = false
    var rest = arguments.positional.dropFirst()
    switch rest.first {
    case .device, .string:
      rest = rest.dropFirst()
      if case .integer(let code)? = rest.first { wanted = try dtype(code) }
      // None where no dtype is given.
      switch rest.first {
      case .some(.none), .integer: rest = rest.dropFirst()
      default: break
      }
    case .tensor(let other):
      wanted = try other.value.dtype
      rest = rest.dropFirst()
    case .integer(let code):
      wanted = try dtype(code)
      rest = rest.dropFirst()
    case .some(.none):
      rest = rest.dropFirst()
      if case .integer(let code)? = rest.first { wanted = try dtype(code) }
      rest = rest.dropFirst()
    default: break
    }
    if let code = try arguments("dtype")?.integer("dtype") { wanted = try dtype(code) }
    if rest.count >= 2 { copies = try rest[rest.startIndex + 1].isTrue }
    if let copy = arguments("copy") { copies = try copy.isTrue }
    if wanted == value.dtype { return copies ? .tensor(TensorReference(value)) : arguments.positional[0] }
    return .tensor(TensorReference(try catchingErrors { value.to(wanted) }))
  }

  /// Memory that a script means to fill: zeros, so that what it leaves alone is the same in every run and graph.
  static func addUnfilledTensors(_ table: inout [String: Builtin]) {
    for (name, filled, count) in [("empty", "zeros", 5), ("new_empty", "new_zeros", 6), ("empty_like", "zeros_like", 6)] {
      table["aten::\(name)"] = { arguments, machine in
        let named = arguments.named.filter { $0.name != "memory_format" && $0.name != "names" }
        let call = OperatorCall("aten::\(filled)", machine.program)
        return try call(Arguments(positional: Array(arguments.positional.prefix(count)), named: named), machine)
      }
    }
  }

  /// Writes that are no operator's result.
  static func addTensorWrites(_ table: inout [String: Builtin]) {
    table["aten::copy_"] = { arguments, _ in
      guard arguments.count >= 2, case .tensor(let target) = arguments.positional[0] else { return nil }
      let old = try target.value
      let source: Tensor
      switch arguments.positional[1] {
      case .tensor(let reference): source = try reference.value
      case .bool(let flag): source = Tensor(.bool(flag))
      case .integer(let number): source = Tensor(.integer(Int64(number)))
      case .real(let number): source = Tensor(.real(number), dtype: .float64)
      default: return nil
      }
      guard source.rank <= old.rank || source.shape.dropLast(old.rank).allSatisfy({ $0 == 1 }) else {
        throw ScriptFailure(.shape, "copy_: \(source.summary) does not fit in \(old.summary)")
      }
      let shape = Array(old.shape)
      try target.write(
        try catchingErrors {
          let fitting = source.rank > old.rank ? source.reshape(Array(source.shape.suffix(old.rank))) : source
          return fitting.to(old.dtype).expand(shape)
        })
      return arguments.positional[0]
    }
    table["aten::set_"] = { arguments, _ in
      guard arguments.count == 2, case .tensor(let target) = arguments.positional[0], case .tensor(let source) = arguments.positional[1] else {
        return nil
      }
      target.become(source)
      return arguments.positional[0]
    }
    table["aten::fill_"] = { arguments, _ in
      guard arguments.count == 2, case .tensor(let target) = arguments.positional[0], let number = arguments.positional[1].number else { return nil }
      let old = try target.value
      let scalar: Scalar =
        switch arguments.positional[1] {
        case .bool(let flag): .bool(flag)
        case .integer(let value): .integer(Int64(value))
        case .real(let value): .real(value)
        default: .complex(number.0, number.1)
        }
      try target.write(try catchingErrors { Tensor.full(Array(old.shape), scalar, dtype: old.dtype, on: old.device) })
      return arguments.positional[0]
    }
    // `x[mask] = number` needs no positions of what is true, which a graph could not have.
    for name in ["aten::index_put", "aten::index_put_"] {
      table[name] = { arguments, _ in
        guard arguments.count >= 3, case .tensor(let target) = arguments.positional[0], let indices = arguments.positional[1].items,
          let last = indices.last, indices.dropLast().allSatisfy(\.isNone), case .tensor(let index) = last, try !arguments.flag(3)
        else { return nil }
        let x = try target.value, mask = try index.value, source = try arguments.tensor(2), lead = indices.count - 1
        guard mask.dtype == .bool, source.elementCount == 1, lead + mask.rank <= x.rank,
          mask.shape.elementsEqual(x.shape.dropFirst(lead).prefix(mask.rank))
        else { return nil }
        let result = try catchingErrors {
          let wide = mask.reshape(Array(mask.shape) + Array(repeating: 1, count: x.rank - lead - mask.rank))
          return x.maskedFill(wide, source.reshape([]).to(x.dtype))
        }
        if name == "aten::index_put" { return .tensor(TensorReference(result)) }
        try target.write(result)
        return arguments.positional[0]
      }
    }
    // `x += y` of lists is the same name.
    table["aten::add_"] = { arguments, machine in
      guard arguments.count == 2, case .list(let list) = arguments.positional[0], let more = arguments.positional[1].items else { return nil }
      try machine.charge(more.count)
      for item in more { try list.append(item) }
      return arguments.positional[0]
    }
  }
}

extension Tensor {
  var strideList: [Int] { (0..<rank).map { strides[$0] } }
}
