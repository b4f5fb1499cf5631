import CEmberFunctional
import EmberRuntime
import EmberTensor

/// Sliding windows of planes as columns, [planes, kernel, blocks] from [planes, height, width], or back by adding up.
struct Folding: UnaryOperation {
  static let name = "unfold"
  static let kernels = KernelTable<@Sendable (ember_folding, Tensor, Tensor, Bool) -> Void>(
    name,
    cpu: { folding, x, y, isFold in
      withUnsafePointer(to: folding) {
        if isFold {
          ember_fold(Int32(x.dtype.rawValue), $0, x.operand.pointer, y.operand.pointer)
        } else {
          ember_unfold(Int64(x.dtype.size), $0, x.operand.pointer, y.operand.pointer)
        }
      }
    }, cuda: cudaKernel)
  let isFold: Bool
  let image: [Int]
  let blocks: [Int]
  let kernel: [Int]
  let stride: [Int]
  let padding: [Int]
  let dilation: [Int]

  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    let shape = isFold ? [x.shape[0]] + image : [x.shape[0], kernel.reduce(1, *), blocks.reduce(1, *)]
    // Sums of 16-bit numbers are taken in float32.
    let isNarrow = isFold && (x.dtype == .float16 || x.dtype == .bfloat16)
    let source = isNarrow ? x.to(.float32) : x
    let y = try Tensor.empty(shape: try checkedShape(shape, in: Self.name), dtype: source.dtype, like: x)
    if let run = try Self.kernels.kernel(on: x.device), y.elementCount > 0 {
      func pair(_ list: [Int]) -> (Int64, Int64) { (Int64(list[0]), Int64(list[1])) }
      let folding = ember_folding(
        planes: Int64(x.shape[0]), image: pair(image), blocks: pair(blocks), kernel: pair(kernel), stride: pair(stride),
        padding: pair(padding),
        dilation: pair(dilation))
      run(folding, try source.dense(), y, isFold)
    }
    return isNarrow ? y.to(x.dtype) : y
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    apply(
      Folding(isFold: !isFold, image: image, blocks: blocks, kernel: kernel, stride: stride, padding: padding, dilation: dilation), gradient
    )
  }
}

extension Tensor {
  private func folding(
    _ isFold: Bool, image: [Int], _ kernel: any SpatialExtents, _ dilation: any SpatialExtents, _ padding: any SpatialExtents,
    _ stride: any SpatialExtents, in name: String
  ) throws(EmberError) -> Folding {
    let kernel = try resolve(kernel, 2, "kernelSize", atLeast: 1, in: name)
    let dilation = try resolve(dilation, 2, "dilation", atLeast: 1, in: name)
    let padding = try resolve(padding, 2, "padding", atLeast: 0, in: name)
    let stride = try resolve(stride, 2, "stride", atLeast: 1, in: name)
    let blocks = (0..<2).map { d in
      let room = image[d] + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1
      return room < 0 ? 0 : room / stride[d] + 1
    }
    guard blocks[0] > 0, blocks[1] > 0 else {
      throw EmberError(
        .shape, in: name,
        "an image of \(image) with padding \(padding) is smaller than the kernel \(kernel) with dilation \(dilation), for \(summary)")
    }
    return Folding(isFold: isFold, image: image, blocks: blocks, kernel: kernel, stride: stride, padding: padding, dilation: dilation)
  }

  /// Sliding windows of images [batch, channels, height, width] (or without batch) as columns: [batch, channels · kernel, blocks].
  public func unfoldWindows(
    _ kernelSize: any SpatialExtents, dilation: any SpatialExtents = 1, padding: any SpatialExtents = 0, stride: any SpatialExtents = 1
  ) -> Tensor {
    let name = "im2col"
    guard mayRun(name, self) else { return .poison }
    return attempt { () throws(EmberError) in
      guard rank == 3 || rank == 4, !shape.suffix(3).contains(0), !dtype.isStorageOnly else {
        throw EmberError(
          .shape, in: name,
          "input \(summary): it must be [batch, channels, height, width] or [channels, height, width]; only the batch may be empty")
      }
      guard !dtype.isInteger else { throw EmberError(.dtype, in: name, "input \(summary) must be floating point, complex or bool") }
      let image = Array(shape.suffix(2)), leading = Array(shape.dropLast(2))
      let operation = try folding(false, image: image, kernelSize, dilation, padding, stride, in: name)
      let columns = apply(operation, reshape([leading.reduce(1, *)] + image))
      return columns.reshape(leading.dropLast() + [leading.last! * operation.kernel.reduce(1, *), operation.blocks.reduce(1, *)])
    }
  }

  /// The transpose of `unfoldWindows`: columns [batch, channels · kernel, blocks] (or without batch) added up to images of `outputSize`.
  public func fold(
    _ outputSize: any SpatialExtents, _ kernelSize: any SpatialExtents, dilation: any SpatialExtents = 1, padding: any SpatialExtents = 0,
    stride: any SpatialExtents = 1
  ) -> Tensor {
    let name = "col2im"
    guard mayRun(name, self) else { return .poison }
    return attempt { () throws(EmberError) in
      let image = try resolve(outputSize, 2, "outputSize", atLeast: 1, in: name)
      let operation = try folding(true, image: image, kernelSize, dilation, padding, stride, in: name)
      let kernel = operation.kernel.reduce(1, *), blocks = operation.blocks.reduce(1, *)
      guard dtype.category >= .floatingPoint, !dtype.isStorageOnly else {
        throw EmberError(.dtype, in: name, "input \(summary) must be floating point or complex")
      }
      guard rank == 2 || rank == 3, shape[-1] == blocks, shape[-2] % kernel == 0, shape[-2] > 0 else {
        throw EmberError(
          .shape, in: name,
          "input \(summary): it must be [batch, channels · \(kernel), \(blocks)], or without batch, "
            + "for \(image) and kernel \(operation.kernel)"
        )
      }
      let channels = shape[-2] / kernel, leading = Array(shape.dropLast(2))
      let images = apply(operation, reshape([leading.reduce(1, *) * channels, kernel, blocks]))
      return images.reshape(leading + [channels] + image)
    }
  }
}

extension OperatorRegistry {
  mutating func addFolding() {
    add("torch.nn.functional.unfold(Tensor input, int[2] kernel_size, int[2] dilation=1, int[2] padding=0, int[2] stride=1) -> Tensor") {
      (x: Tensor, kernel: [Int], dilation: [Int], padding: [Int], stride: [Int]) in
      x.unfoldWindows(kernel, dilation: dilation, padding: padding, stride: stride)
    }
    add(
      "torch.nn.functional.fold(Tensor input, int[2] output_size, int[2] kernel_size, int[2] dilation=1, "
        + "int[2] padding=0, int[2] stride=1) -> Tensor"
    ) {
      (x: Tensor, size: [Int], kernel: [Int], dilation: [Int], padding: [Int], stride: [Int]) in
      x.fold(size, kernel, dilation: dilation, padding: padding, stride: stride)
    }
    add("aten::im2col(Tensor self, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor") {
      (x: Tensor, kernel: [Int], dilation: [Int], padding: [Int], stride: [Int]) in
      x.unfoldWindows(kernel, dilation: dilation, padding: padding, stride: stride)
    }
    add("aten::col2im(Tensor self, int[2] output_size, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor") {
      (x: Tensor, size: [Int], kernel: [Int], dilation: [Int], padding: [Int], stride: [Int]) in
      x.fold(size, kernel, dilation: dilation, padding: padding, stride: stride)
    }
  }
}
