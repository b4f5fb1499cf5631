import EmberRuntime

extension CUDABackend {
  /// start + i · step in a dense int64 output.
  package func fillRange(_ output: Operand, start: Int64, step: Int64) {
    fillNumbers("fill_range", output) {
      $0.add(start)
      $0.add(step)
    }
  }

  /// start + i · step in a dense float64 output.
  package func fillRange(_ output: Operand, start: Double, step: Double) {
    fillNumbers("fill_range", output) {
      $0.add(start)
      $0.add(step)
    }
  }

  /// Evenly spaced from start to end, both included, in a dense float64 output.
  package func fillBetween(_ output: Operand, start: Double, end: Double) {
    fillNumbers("fill_between", output) {
      $0.add(start)
      $0.add(end)
    }
  }

  private func fillNumbers(_ kernel: StaticString, _ output: Operand, _ numbers: (inout LaunchArguments) -> Void) {
    let count = output.shape.elementCount
    if count == 0 { return }
    launch(.ranges, kernel, [.type(output.dtype)], blocks: min(quotientRoundedUp(count, 256), multiprocessorCount * 16), threads: 256) {
      $0.add(output.pointer)
      $0.add(Int64(count))
      numbers(&$0)
    }
  }
}
