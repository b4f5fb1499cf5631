import EmberRuntime

extension CUDABackend {
  /// Whether the fused kernels take rows of this many elements of this type. They need the tensor cores of Ampere.
  package func takesAttention(_ dtype: DType, features: Int) -> Bool {
    computeCapability.major >= 8 && (dtype == .float16 || dtype == .bfloat16) && features > 0 && features <= 128 && features % 8 == 0
  }

  /// Whether an operand [batch, heads, rows, features] can be read where it lies: features side by side, rows at multiples of 16 bytes.
  package static func takesAttentionLayout(_ x: Operand) -> Bool {
    UInt(bitPattern: x.pointer) % 16 == 0 && x.strides[3] == 1
      && (0..<3).allSatisfy { x.strides[$0] % 8 == 0 || x.shape[unchecked: $0] == 1 }
  }

  /// Rows of a block's own side.
  private static func rows(_ width: Int) -> Int { width > 64 ? 64 : 128 }

  /// Runs a pass in cuDNN, if that is the choice and it can.
  private func runCuDNN(_ call: AttentionCall) -> Bool {
    // Its derivative adds up the gradient of the queries in any order; Ember's has one.
    if call.gradients != nil && CUDA.usesDeterministicConvolutions { return false }
    switch AttentionKernels.selected {
    case .own: return false
    case .automatic: if computeCapability.major < 9 || !AttentionWork.paysCuDNN(call) { return false }
    case .cudnn: break
    }
    if call.gradients != nil {
      // The next step will want it, and may be recorded.
      var forward = call
      forward.gradients = nil
      CuDNNAttention.prepare(forward, on: self)
    }
    return CuDNNAttention.run(call, on: self)
  }

  private func strides(_ x: Operand, _ arguments: inout LaunchArguments) {
    for d in 0..<3 { arguments.add(Int64(x.strides[d])) }
  }

  /// The kernels' `AttentionArguments`.
  private func describe(
    _ q: Operand, _ k: Operand, _ v: Operand, _ y: Operand, _ scale: Double, _ causal: Bool, _ arguments: inout LaunchArguments
  ) {
    arguments.align(8)
    for number in [q.shape[unchecked: 1], q.shape[unchecked: 2], k.shape[unchecked: 2], q.shape[unchecked: 3]] {
      arguments.add(Int32(number))
    }
    arguments.add(Float(scale))
    arguments.add(Int32(causal ? 1 : 0))
    for operand in [q, k, v, y] { strides(operand, &arguments) }
  }

  /// y = softmax(scale · q kᵀ) v, and the logarithm of each query's sum of exponentials (float32, dense [batch, heads, queries]).
  package func attentionForward(
    _ q: Operand, _ k: Operand, _ v: Operand, scale: Double, isCausal: Bool, into y: Operand, logarithms: Operand
  ) {
    let call = AttentionCall(q: q, k: k, v: v, y: y, logarithms: logarithms, scale: scale, isCausal: isCausal, gradients: nil)
    if runCuDNN(call) { return }
    let features = q.shape[unchecked: 3]
    let width = features <= 64 ? 64 : 128
    launch(
      .attention, "attention_forward", [.type(q.dtype), .number(width)],
      blocks: (q.shape[unchecked: 2] + Self.rows(width) - 1) / Self.rows(width),
      blocksY: q.shape[unchecked: 0] * q.shape[unchecked: 1], threads: 128, sharedBytes: (Self.rows(width) + 4 * 64) * width * 2
    ) {
      for operand in [q, k, v, y, logarithms] { $0.add(operand.pointer) }
      describe(q, k, v, y, scale, isCausal, &$0)
    }
  }

  /// The gradients of q, k and v from that of y. All operands have layouts that `takesAttentionLayout` allows.
  package func attentionBackward(
    _ q: Operand, _ k: Operand, _ v: Operand, y: Operand, gradient dy: Operand, logarithms: Operand, scale: Double, isCausal: Bool,
    dq: Operand, dk: Operand, dv: Operand
  ) {
    let call = AttentionCall(
      q: q, k: k, v: v, y: y, logarithms: logarithms, scale: scale, isCausal: isCausal, gradients: (y: dy, q: dq, k: dk, v: dv))
    if runCuDNN(call) { return }
    let batches = q.shape[unchecked: 0] * q.shape[unchecked: 1]
    let queries = q.shape[unchecked: 2]
    let keys = k.shape[unchecked: 2]
    let features = q.shape[unchecked: 3]
    let width = features <= 64 ? 64 : 128
    let block = width > 64 ? 32 : 64
    withScratch(batches * queries * 4) { delta in
      launch(.attention, "attention_delta", [.type(q.dtype)], blocks: (batches * queries + 7) / 8, threads: 256) {
        $0.add(y.pointer)
        $0.add(dy.pointer)
        $0.add(delta)
        strides(y, &$0)
        strides(dy, &$0)
        $0.add(Int32(q.shape[unchecked: 1]))
        $0.add(Int32(queries))
        $0.add(Int32(features))
        $0.add(Int64(batches * queries))
      }
      launch(
        .attention, "attention_backward_keys", [.type(q.dtype), .number(width)], blocks: (keys + Self.rows(width) - 1) / Self.rows(width),
        blocksY: batches, threads: 128, sharedBytes: (2 * Self.rows(width) + 4 * block) * width * 2 + 4 * block * 4
      ) {
        for pointer in [q.pointer, k.pointer, v.pointer, dy.pointer, logarithms.pointer, delta, dk.pointer, dv.pointer] { $0.add(pointer) }
        describe(q, k, v, y, scale, isCausal, &$0)
        for operand in [dy, dq, dk, dv] { strides(operand, &$0) }
      }
      launch(
        .attention, "attention_backward_queries", [.type(q.dtype), .number(width)],
        blocks: (queries + Self.rows(width) - 1) / Self.rows(width),
        blocksY: batches, threads: 128, sharedBytes: (2 * Self.rows(width) + 4 * 64) * width * 2
      ) {
        for pointer in [q.pointer, k.pointer, v.pointer, dy.pointer, logarithms.pointer, delta, dq.pointer] { $0.add(pointer) }
        describe(q, k, v, y, scale, isCausal, &$0)
        for operand in [dy, dq, dk, dv] { strides(operand, &$0) }
      }
    }
  }
}
