import EmberRuntime

extension CUDABackend {
  public func scan(_ scan: Scan, _ input: AxisOperand, reverse: Bool, into output: Operand, indices: Operand?) -> Bool {
    let from = input.operand.dtype, to = output.dtype
    guard from.isReducible, to.isReducible else { return false }
    let operation: StaticString, accumulator: DType
    switch scan {
    case .sum, .product:
      if from.isComplex && !to.isComplex || from.category >= .floatingPoint && to.category <= .integer { return false }
      operation = scan == .sum ? "CumulativeSum" : "CumulativeProduct"
      // A long float32 running sum would lose a bit per doubling of its length.
      accumulator =
        to.isComplex ? .complex128 : to == .float16 || to == .bfloat16 ? .float32 : to.isFloatingPoint ? .float64 : .int64
    case .maximum, .minimum:
      if from.isComplex || from != to { return false }
      operation = scan == .maximum ? "CumulativeMaximum" : "CumulativeMinimum"
      accumulator = from.orderedAccumulator
    case .logSumExp:
      if from.category < .floatingPoint || from != to { return false }
      operation = "CumulativeLogSumExp"
      accumulator = from == .float64 ? .float64 : .float32
    }
    let rows = input.outer * input.inner, count = input.count
    if rows == 0 || count == 0 { return true }
    func addCommon(_ arguments: inout LaunchArguments, takesIndices: Bool = true) {
      arguments.add(input.operand.pointer)
      arguments.add(output.pointer)
      if takesIndices { arguments.add(indices?.pointer) }
      arguments.add(Int64(rows))
      arguments.add(Int64(count))
      arguments.add(Int64(input.inner))
      arguments.add(Int32(reverse ? 1 : 0))
    }
    if scan == .logSumExp, from.isComplex {
      launch(.scan, "scan_complex_log_sum_exp", [.type(from)], blocks: (rows + 127) / 128, threads: 128) {
        addCommon(&$0, takesIndices: false)
      }
      return true
    }
    let types: [TemplateArgument] = [.name(operation), .type(accumulator), .type(from), .type(to)]
    if input.inner > 1, rows >= 64 * multiprocessorCount || count <= 64 {
      launch(.scan, "scan_columns", types, blocks: (rows + 255) / 256, threads: 256) { addCommon(&$0) }
      return true
    }
    let isAligned =
      input.inner == 1 && count % 4 == 0 && UInt(bitPattern: input.operand.pointer) % UInt(4 * from.size) == 0
      && UInt(bitPattern: output.pointer) % UInt(4 * to.size) == 0
    let threads = count <= 512 && rows >= 8 ? 32 : 256
    // Few long rows are cut into pieces, whose totals come first.
    var pieces = 1
    if threads == 256 { pieces = max(1, min(256, 4 * multiprocessorCount / rows, count / 8192)) }
    let piece = ((count + pieces - 1) / pieces + 1023) / 1024 * 1024
    pieces = (count + piece - 1) / piece
    func launchRows(_ totals: UnsafeMutableRawPointer?, totalsOnly: Bool) {
      launch(
        .scan, "scan_rows", types + [.number(isAligned ? 4 : 1), .number(threads), .flag(totalsOnly)],
        blocks: threads == 32 ? (rows + 7) / 8 : rows, blocksY: pieces, threads: 256
      ) {
        addCommon(&$0)
        $0.add(totals)
        $0.add(Int64(piece))
      }
    }
    if pieces == 1 {
      launchRows(nil, totalsOnly: false)
    } else {
      // No state takes more than 16 bytes.
      withScratch(rows * pieces * 16) { totals in
        launchRows(totals, totalsOnly: true)
        launchRows(totals, totalsOnly: false)
      }
    }
    return true
  }
}
