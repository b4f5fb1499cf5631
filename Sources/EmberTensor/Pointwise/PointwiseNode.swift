import EmberRuntime

/// The node of a pointwise function: holds what its gradient reads, and nothing else.
final class PointwiseNode: Node, @unchecked Sendable {
  /// One property, because the destructor of a subclass with several counts references to the dying object.
  private struct Content {
    let function: Pointwise
    /// Kept alive by the function.
    let gradient: Unmanaged<PointwiseGradient>
    let parameters: ScalarParameters
    /// Shapes of the inputs where one of them was broadcast; nil otherwise.
    var inputShapes: [Shape]?
    /// Dtypes of the inputs where one of them differs from the gradient's; nil otherwise.
    var inputDTypes: [DType]?
    /// What the gradient function reads besides the upstream gradient, in its order; nil where that goes.
    var saved: (TensorBody?, TensorBody?, TensorBody?) = (nil, nil, nil)
    var moreSaved: [TensorBody?]?

    /// All inputs have the result's shape and dtype.
    var isUniform: Bool { inputShapes == nil && inputDTypes == nil }

    mutating func save(_ gradient: PointwiseGradient, output: TensorBody, _ input: (Int) -> TensorBody) {
      for position in 0..<gradient.sourceCount {
        switch gradient.source(position) {
        case .input(let i): keep(input(i), position)
        case .output: keep(output, position)
        case .upstream: keep(nil, position)
        }
      }
    }

    private mutating func keep(_ body: TensorBody?, _ position: Int) {
      switch position {
      case 0: saved.0 = body
      case 1: saved.1 = body
      case 2: saved.2 = body
      default: moreSaved = (moreSaved ?? []) + [body]
      }
    }

    subscript(position: Int) -> TensorBody? {
      switch position {
      case 0: saved.0
      case 1: saved.1
      case 2: saved.2
      default: moreSaved![position - 3]
      }
    }
  }

  @exclusivity(unchecked) private var content: Content

  /// For operands of the result's shape and dtype; `first` and `second` lead to the nodes of `x` and `y`, which is `x` again where there
  /// is one operand.
  @inline(__always) init(
    _ function: Pointwise, _ x: TensorBody, _ y: TensorBody, edges first: Node?, _ second: Node?, _ parameters: ScalarParameters,
    output: TensorBody
  ) {
    let gradient = function.unmanagedGradient(mask: (first == nil ? 0 : 1) | (second == nil ? 0 : 2))
    content = Content(function: function, gradient: gradient, parameters: parameters)
    super.init(first, second, form: ResultForm(output))
    if !gradient._withUnsafeGuaranteedRef({ $0.readsOnlyUpstream }) { keepSources(x, y, output) }
  }

  init(_ function: Pointwise, _ operands: PointwiseOperands, _ parameters: ScalarParameters, output: TensorBody) {
    var mask: UInt8 = 0, broadcasts = false, mixes = false, i: UInt8 = 0
    operands.forEach { operand in
      if operand.node != nil { mask |= 1 << i }
      if operand.body.shape != output.shape { broadcasts = true }
      if operand.dtype != output.dtype { mixes = true }
      i += 1
    }
    let gradient = function.unmanagedGradient(mask: mask)
    content = Content(
      function: function, gradient: gradient, parameters: parameters, inputShapes: broadcasts ? operands.list.map(\.body.shape) : nil,
      inputDTypes: mixes ? operands.list.map(\.dtype) : nil)
    if operands.z == nil {
      super.init(operands.x.node, operands.y?.node, form: ResultForm(output))
    } else {
      super.init(edges: operands.list.map(\.node), result: output)
    }
    gradient._withUnsafeGuaranteedRef { content.save($0, output: output) { operands[$0].body } }
  }

  /// Out of line, so that what nothing is kept for (additions) stays short.
  @inline(never) private func keepSources(_ x: TensorBody, _ y: TensorBody, _ output: TensorBody) {
    content.gradient._withUnsafeGuaranteedRef { content.save($0, output: output) { $0 == 0 ? x : y } }
  }

  override var operationName: String { content.function.name }

  override func releaseSaved() {
    content.saved = (nil, nil, nil)
    content.moreSaved = nil
  }

  override func propagate(_ gradients: inout Gradients, in pass: inout BackwardPass) {
    content.gradient._withUnsafeGuaranteedRef { gradient in
      let present = gradient.present, passing = gradient.passing
      if present & (present &- 1) == 0, passing == 0, content.isUniform, !pass.isRecording, let edge = present == 1 ? edge0 : edge1,
        let full = onlyOne(gradient, &gradients.first)
      {
        return pass.send(full, to: edge)
      }
      guard let upstream = gradients.first else { return }
      if present == 3, passing == 0, content.isUniform, !pass.isRecording, let edge0, let edge1,
        ThreadFlags.current.isDisjoint(with: .slow),
        let (first, second) = runDensePair(gradient.function, operands(gradient, upstream, recording: false), content.parameters)
      {
        pass.send(first, to: edge0)
        pass.send(second, to: edge1)
        return
      }
      var results: [Tensor]?
      var next = 0, i = 0
      while present >> UInt8(i) != 0 {
        defer { i += 1 }
        guard present >> UInt8(i) & 1 == 1 else { continue }
        defer { next += 1 }
        guard let edge = edge(i) else { continue }
        if passing >> UInt8(i) & 1 == 1 {
          // No kernel: the gradient is sent as it came.
          pass.send(content.isUniform ? upstream : reduced(upstream, to: i), to: edge)
        } else if gradient.function.resultCount == 1 {
          let full = one(gradient, upstream, recording: pass.isRecording)
          pass.send(content.isUniform ? full : reduced(full, to: i), to: edge)
        } else {
          let all = results ?? self.all(gradient, upstream, recording: pass.isRecording)
          results = all
          let full = all[next]
          pass.send(content.isUniform ? full : reduced(full, to: i), to: edge)
        }
      }
    }
  }

  /// What the gradient function reads at `position`.
  @inline(__always) private func operand(_ gradient: PointwiseGradient, _ position: Int, _ upstream: Tensor, _ recording: Bool) -> Tensor {
    switch gradient.source(position) {
    case .upstream: return upstream
    case .output: return Tensor(content[position]!, node: recording ? self : nil)
    case .input(let i): return Tensor(content[position]!, node: recording ? edge(i) : nil)
    }
  }

  /// The gradient of a function with one, in the memory of what arrived, where nobody else holds that; nil otherwise.
  private func onlyOne(_ gradient: PointwiseGradient, _ upstream: inout Tensor?) -> Tensor? {
    guard upstream?.body.byteCount ?? 0 >= worthReusing, gradient.sourceCount <= 2, ThreadFlags.current.isDisjoint(with: .slow),
      var arrived = upstream.take()
    else { return nil }
    let isFirst = gradient.source(0) == .upstream
    if arrived.node == nil, arrived.isUniquelyHeld(), arrived.body.isPlain, arrived.body.isContiguous {
      let body = arrived.body, other = gradient.sourceCount == 1 ? body : content[isFirst ? 1 : 0] ?? body
      if isDense(other, as: body),
        runDense(
          gradient.function, gradient.sourceCount, isFirst ? body : other, isFirst ? other : body, content.parameters, into: body) != nil
      {
        return arrived
      }
    }
    upstream = arrived
    return nil
  }

  /// The gradient of a function with one.
  private func one(_ gradient: PointwiseGradient, _ upstream: Tensor, recording: Bool) -> Tensor {
    switch gradient.sourceCount {
    case 1: gradient.function(operand(gradient, 0, upstream, recording), content.parameters)
    case 2: gradient.function(operand(gradient, 0, upstream, recording), operand(gradient, 1, upstream, recording), content.parameters)
    default: applyPointwise(gradient.function, operands(gradient, upstream, recording: recording), content.parameters)
    }
  }

  /// The gradients of a function with several.
  private func all(_ gradient: PointwiseGradient, _ upstream: Tensor, recording: Bool) -> [Tensor] {
    applyForAllResults(gradient.function, operands(gradient, upstream, recording: recording), content.parameters)
  }

  private func operands(_ gradient: PointwiseGradient, _ upstream: Tensor, recording: Bool) -> PointwiseOperands {
    let count = gradient.sourceCount
    var operands = PointwiseOperands(operand(gradient, 0, upstream, recording))
    if count > 1 { operands.y = operand(gradient, 1, upstream, recording) }
    if count > 2 { operands.z = operand(gradient, 2, upstream, recording) }
    if count > 3 { operands.rest = (3..<count).map { operand(gradient, $0, upstream, recording) } }
    return operands
  }

  /// Undoes broadcasting and type promotion.
  private func reduced(_ full: Tensor, to i: Int) -> Tensor {
    var result = full
    if let shape = content.inputShapes?[i], result.body.shape != shape { result = result.sum(to: shape) }
    if let dtype = content.inputDTypes?[i], result.dtype != dtype {
      if result.dtype.isComplex, !dtype.isComplex { result = result.real }
      result = result.to(dtype)
    }
    return result
  }
}
