import EmberRuntime

/// Windows over planes of two dimensions. `blocks`: how many window positions there are in each. Laid out as `Folding` of the kernels.
package struct FoldingGeometry: BitwiseCopyable {
  package typealias Pair = (Int64, Int64)
  package var planes: Int64
  package var image: Pair
  package var blocks: Pair
  package var kernel: Pair
  package var stride: Pair
  package var padding: Pair
  package var dilation: Pair

  package init(planes: Int64, image: Pair, blocks: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) {
    self.planes = planes
    self.image = image
    self.blocks = blocks
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
    self.dilation = dilation
  }
}

extension CUDABackend {
  /// Columns [planes, kernel, blocks] from images [planes, image], both dense, of any dtype. Padding is 0.
  package func unfold(_ folding: FoldingGeometry, _ images: Operand, into columns: Operand) {
    let rows = Int(folding.planes * folding.kernel.0 * folding.kernel.1), positions = Int(folding.blocks.0 * folding.blocks.1)
    launchFolding(
      "unfold_windows", .moving(bytes: images.dtype.size), folding, rows: rows, positions: positions, images.pointer, columns.pointer)
  }

  /// The transpose of `unfold`: float32, float64, complex64 or complex128.
  package func fold(_ folding: FoldingGeometry, _ columns: Operand, into images: Operand) {
    let pixels = Int(folding.image.0 * folding.image.1)
    launchFolding(
      "fold_windows", columns.dtype, folding, rows: Int(folding.planes), positions: pixels, columns.pointer, images.pointer)
  }

  private func launchFolding(
    _ kernel: StaticString, _ type: DType, _ folding: FoldingGeometry, rows: Int, positions: Int, _ input: UnsafeMutableRawPointer?,
    _ output: UnsafeMutableRawPointer?
  ) {
    if rows * positions == 0 { return }
    let shares = min(rows, 32768)
    launch(
      .folding, kernel, [.type(type)], blocks: quotientRoundedUp(positions, 256), blocksY: shares,
      blocksZ: min(32768, quotientRoundedUp(rows, shares)), threads: 256
    ) {
      $0.addBytes(of: folding)
      $0.add(input)
      $0.add(output)
    }
  }
}

extension CUDABackend {
  /// Frames [batch, frames, frameLength] added up at distances of `hop`, to signals [batch, length]: dense, float32 or float64, or pairs of
  /// them as the parts of complex numbers.
  package func overlapAdd(
    isDouble: Bool, batch: Int, frames: Int, frameLength: Int, hop: Int, parts: Int, _ input: UnsafeRawPointer?,
    into output: UnsafeMutableRawPointer?, length: Int
  ) {
    let count = batch * length * parts
    launch(
      .folding, "overlap_add", [.type(isDouble ? .float64 : .float32)], blocks: quotientRoundedUp(count, 256), threads: 256
    ) {
      $0.add(UnsafeMutableRawPointer(mutating: input))
      $0.add(output)
      for number in [frames, frameLength, hop, parts, length, count] { $0.add(Int64(number)) }
    }
  }
}
