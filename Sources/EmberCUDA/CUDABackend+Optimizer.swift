import EmberRuntime

/// The numbers of a step of Adam, as the kernels' `AdamNumbers`.
package struct AdamNumbers: BitwiseCopyable {
  /// The learning rate over the average's correction.
  let rate: Double
  /// The reciprocal root of the square's correction.
  let root: Double
  let move: Double
  let keep: Double
  let add: Double
  let epsilon: Double
  let shrink: Double
  let decay: Double
  let sign: Double

  /// - Parameters:
  ///   - shrink: what the parameter is multiplied with first.
  ///   - decay: what of the parameter joins the gradient.
  ///   - sign: of the gradient.
  package init(
    rate: Double, root: Double, betas: (Double, Double), epsilon: Double, shrink: Double, decay: Double, sign: Double
  ) {
    (self.rate, self.root, move, keep, add) = (rate, root, 1 - betas.0, betas.1, 1 - betas.1)
    (self.epsilon, self.shrink, self.decay, self.sign) = (epsilon, shrink, decay, sign)
  }
}

/// The numbers of a step of gradient descent, as the kernels' `SGDNumbers`.
package struct SGDNumbers: BitwiseCopyable {
  let rate: Double
  let momentum: Double
  let keep: Double
  let decay: Double
  let sign: Double
  let nesterov: Int32
  let first: Int32

  /// - Parameter isFirst: the buffers hold nothing yet: they become the gradients.
  package init(rate: Double, momentum: Double, dampening: Double, decay: Double, sign: Double, nesterov: Bool, isFirst: Bool) {
    (self.rate, self.momentum, keep, self.decay, self.sign) = (rate, momentum, 1 - dampening, decay, sign)
    (self.nesterov, first) = (nesterov ? 1 : 0, isFirst ? 1 : 0)
  }
}

/// As the kernels' `TensorList`.
private struct TensorList: BitwiseCopyable {
  static let capacity = 64
  static let elementsOfBlock = 16384
  var arrays = InlineArray<5, InlineArray<64, UInt>>(repeating: InlineArray(repeating: 0))
  var counts = InlineArray<64, Int64>(repeating: 0)
  var firstBlocks = InlineArray<65, UInt32>(repeating: 0)
  var tensors: Int32 = 0
}

extension CUDABackend {
  /// One step for lists of dense tensors of one dtype (float16, bfloat16, float32, float64), 64 with each launch.
  ///
  /// - Parameter lists: parameters, gradients, averages, squares, and with amsgrad the largest squares.
  package func adamStep(_ dtype: DType, counts: [Int64], _ lists: [[UnsafeMutableRawPointer?]], _ numbers: AdamNumbers) {
    forLists(counts, lists) { list, blocks in
      launch(.optimizer, "adam_step", [.type(dtype), .flag(lists.count == 5)], blocks: blocks, threads: 512) {
        $0.addBytes(of: list)
        $0.addBytes(of: numbers)
      }
    }
  }

  /// - Parameter lists: parameters, gradients, and with momentum the buffers.
  package func sgdStep(_ dtype: DType, counts: [Int64], _ lists: [[UnsafeMutableRawPointer?]], _ numbers: SGDNumbers) {
    forLists(counts, lists) { list, blocks in
      launch(.optimizer, "sgd_step", [.type(dtype), .flag(lists.count == 3)], blocks: blocks, threads: 512) {
        $0.addBytes(of: list)
        $0.addBytes(of: numbers)
      }
    }
  }

  private func forLists(_ counts: [Int64], _ lists: [[UnsafeMutableRawPointer?]], _ body: (TensorList, Int) -> Void) {
    var list = TensorList(), blocks: UInt32 = 0
    func flush() {
      if blocks > 0 { body(list, Int(blocks)) }
      (list.tensors, blocks) = (0, 0)
    }
    for (tensor, count) in counts.enumerated() where count > 0 {
      let i = Int(list.tensors)
      for (k, pointers) in lists.enumerated() { list.arrays[k][i] = UInt(bitPattern: pointers[tensor]) }
      list.counts[i] = count
      list.firstBlocks[i] = blocks
      blocks += UInt32(quotientRoundedUp(Int(count), TensorList.elementsOfBlock))
      list.firstBlocks[i + 1] = blocks
      list.tensors += 1
      if i + 1 == TensorList.capacity { flush() }
    }
    flush()
  }
}
