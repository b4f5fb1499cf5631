import CEmberKernels
import EmberRuntime

extension Operand {
  fileprivate var indices: UnsafeMutablePointer<Int64>? { pointer?.assumingMemoryBound(to: Int64.self) }
}

/// What an indexing kernel returns: -1, or the position of the first bad index.
private func badPosition(_ result: Int64) -> Int? { result < 0 ? nil : Int(result) }

extension CPUBackend {
  public func gather(_ input: Operand, dimension: Int, index: Operand, into output: Operand) -> Int? {
    input.withKernelLayout { inputShape, inputStrides in
      index.withKernelLayout { indexShape, indexStrides in
        output.withKernelLayout { _, outputStrides in
          badPosition(
            ember_gather(
              Int32(input.shape.rank), Int32(dimension), input.dtype.size, input.pointer, inputShape, inputStrides, index.indices,
              indexShape,
              indexStrides, output.pointer, outputStrides, false))
        }
      }
    }
  }

  public func scatter(_ mode: ScatterMode, into target: Operand, dimension: Int, index: Operand, source: Operand) -> Int? {
    target.withKernelLayout { targetShape, targetStrides in
      index.withKernelLayout { indexShape, indexStrides in
        source.withKernelLayout { _, sourceStrides in
          badPosition(
            ember_scatter(
              mode.rawValue, Int32(target.shape.rank), Int32(dimension), target.kernelDType, target.pointer, targetShape, targetStrides,
              index.indices, indexShape, indexStrides, source.pointer, sourceStrides, false))
        }
      }
    }
  }

  public func indexSelect(_ input: AxisOperand, index: Operand, into output: Operand) -> Int? {
    badPosition(
      ember_index_select(
        input.operand.dtype.size, input.operand.pointer, Int64(input.outer), Int64(input.count), Int64(input.inner), index.indices,
        Int64(index.shape.elementCount), output.pointer, true))
  }

  public func indexAdd(into target: AxisOperand, index: Operand, source: Operand, alpha: Double) -> Int? {
    badPosition(
      ember_index_add(
        target.operand.kernelDType, target.operand.pointer, Int64(target.outer), Int64(target.count), Int64(target.inner), index.indices,
        Int64(index.shape.elementCount), source.pointer, alpha, true))
  }

  public func indexOffsets(_ indices: [Operand], sizes: [Int], strides: [Int], into offsets: Operand) -> BadIndex? {
    let shape = offsets.shape
    var rowStrides: [Int64] = []
    for operand in indices { for i in 0..<shape.rank { rowStrides.append(Int64(operand.strides[i])) } }
    var badArray: Int32 = 0
    let pointers = indices.map { operand in operand.indices.map { UnsafePointer($0) } }
    let result = ember_index_offsets(
      Int32(indices.count), pointers, rowStrides, Int32(shape.rank), shape.map(Int64.init), sizes.map(Int64.init), strides.map(Int64.init),
      offsets.indices, &badArray, true)
    return result < 0 ? nil : BadIndex(array: Int(badArray), position: Int(result))
  }

  public func takeBlocks(_ input: Operand, offsets: Operand, into output: Operand) {
    input.withKernelLayout { shape, strides in
      ember_take_blocks(
        input.dtype.size, input.pointer, offsets.indices, Int64(offsets.shape.elementCount), Int32(input.shape.rank), shape, strides,
        output.pointer)
    }
  }

  public func putBlocks(into target: Operand, offsets: Operand, source: Operand, sourceStride: Int, accumulate: Bool) {
    target.withKernelLayout { shape, strides in
      source.withKernelLayout { _, sourceStrides in
        ember_put_blocks(
          accumulate, target.kernelDType, target.pointer, offsets.indices, Int64(offsets.shape.elementCount), Int32(target.shape.rank),
          shape,
          strides, source.pointer, Int64(sourceStride), sourceStrides)
      }
    }
  }

  public func countNonzero(_ input: Operand) -> Int {
    // Negative if memory was short, which is noted and raised by the operation.
    input.withKernelLayout { max(0, Int(ember_nonzero_count(input.kernelDType, input.pointer, Int32(input.shape.rank), $0, $1))) }
  }

  public func nonzero(_ input: Operand, count: Int, into output: Operand) {
    _ = input.withKernelLayout {
      ember_nonzero(input.kernelDType, input.pointer, Int32(input.shape.rank), $0, $1, output.indices, Int64(count))
    }
  }

  public func maskedSelect(_ input: Operand, mask: Operand, count: Int, into output: Operand) {
    _ = input.withKernelLayout { shape, strides in
      mask.withKernelLayout { _, maskStrides in
        ember_masked_select(
          input.dtype.size, input.pointer, strides, mask.pointer?.assumingMemoryBound(to: UInt8.self), maskStrides, Int32(input.shape.rank),
          shape, output.pointer, Int64(count))
      }
    }
  }
}
