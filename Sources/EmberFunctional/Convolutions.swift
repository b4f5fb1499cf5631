import EmberRuntime
import EmberTensor

// The core's convolutions by name, and what is composed of them: unfolding into columns is in Folding.swift.

extension Tensor {
  /// Convolution over as many dimensions as the weight [out, in / groups, kernel...] has, and the last ones of self.
  fileprivate func convolved(
    _ rank: Int, _ weight: Tensor, _ bias: Tensor?, _ stride: [Int], _ padding: any ConvolutionPadding, _ dilation: [Int], _ groups: Int
  ) -> Tensor {
    switch rank {
    case 1: conv1d(weight, bias, stride: stride, padding: padding, dilation: dilation, groups: groups)
    case 2: conv2d(weight, bias, stride: stride, padding: padding, dilation: dilation, groups: groups)
    default: conv3d(weight, bias, stride: stride, padding: padding, dilation: dilation, groups: groups)
    }
  }

  fileprivate func convolvedTransposed(
    _ rank: Int, _ weight: Tensor, _ bias: Tensor?, _ stride: [Int], _ padding: [Int], _ outputPadding: [Int], _ groups: Int,
    _ dilation: [Int]
  ) -> Tensor {
    switch rank {
    case 1:
      convTranspose1d(weight, bias, stride: stride, padding: padding, outputPadding: outputPadding, groups: groups, dilation: dilation)
    case 2:
      convTranspose2d(weight, bias, stride: stride, padding: padding, outputPadding: outputPadding, groups: groups, dilation: dilation)
    default:
      convTranspose3d(weight, bias, stride: stride, padding: padding, outputPadding: outputPadding, groups: groups, dilation: dilation)
    }
  }

  /// y[.., o] = Σ over i, j of self[.., i] · weight[o, i, j] · other[.., j] + bias[o].
  public func bilinear(_ other: Tensor, _ weight: Tensor, _ bias: Tensor? = nil) -> Tensor {
    guard mayRunSlowly("bilinear", [self, other, weight, bias]) else { return .poison }
    if let result = Autocast.asOne("bilinear", [self, other, weight, bias], { $0[0]!.bilinear($0[1]!, $0[2]!, $0[3]) }) { return result }
    return attempt { () throws(EmberError) in
      guard rank >= 1, rank == other.rank, weight.rank == 3, shape[-1] == weight.shape[1], other.shape[-1] == weight.shape[2],
        shape.dropLast().elementsEqual(other.shape.dropLast())
      else {
        throw EmberError(
          .shape, in: "bilinear",
          "\(summary), \(other.summary) and weight \(weight.summary): inputs [..., a] and [..., b] go with a weight [out, a, b]")
      }
      guard ([other, weight] + (bias.map { [$0] } ?? [])).allSatisfy({ $0.dtype == dtype }) else {
        throw EmberError(.dtype, in: "bilinear", "\(summary), \(other.summary), weight \(weight.summary) and bias must have one dtype")
      }
      if let bias, bias.rank != 1 || bias.shape[0] != weight.shape[0] {
        throw EmberError(
          .shape, in: "bilinear", "bias \(bias.summary) for weight \(weight.summary); it must have \(weight.shape[0]) elements")
      }
      // 16-bit inputs are rounded once, at the end.
      let computing: DType = dtype == .float16 || dtype == .bfloat16 ? .float32 : dtype
      let a = to(computing).reshape([shape.dropLast().reduce(1, *), shape[-1]])
      let b = other.to(computing).reshape([a.shape[0], other.shape[-1], 1])
      let (outputs, inner) = (weight.shape[0], weight.shape[2])
      let products = a.matmul(weight.to(computing).permute(1, 0, 2).reshape([shape[-1], outputs * inner]))
      var y = products.reshape([a.shape[0], outputs, inner]).matmul(b).reshape(Array(shape.dropLast()) + [outputs])
      if let bias { y = y + bias.to(computing) }
      return y.to(dtype)
    }
  }
}

extension OperatorRegistry {
  mutating func addConvolutions() {
    for rank in 1...3 {
      let n = rank
      let geometry = "int[\(n)] stride=1"
      add(
        "aten::conv\(n)d(Tensor input, Tensor weight, Tensor? bias=None, \(geometry), int[\(n)] padding=0, "
          + "int[\(n)] dilation=1, int groups=1) -> Tensor"
      ) { (x: Tensor, weight: Tensor, bias: Tensor?, stride: [Int], padding: [Int], dilation: [Int], groups: Int) in
        x.convolved(n, weight, bias, stride, padding, dilation, groups)
      }
      add(
        "aten::conv\(n)d.padding(Tensor input, Tensor weight, Tensor? bias=None, \(geometry), str padding=\"valid\", "
          + "int[\(n)] dilation=1, int groups=1) -> Tensor"
      ) { (x: Tensor, weight: Tensor, bias: Tensor?, stride: [Int], padding: String, dilation: [Int], groups: Int) in
        x.convolved(n, weight, bias, stride, padding, dilation, groups)
      }
      let name = n == 1 ? "conv_transpose1d" : "conv_transpose\(n)d.input"
      add(
        "aten::\(name)(Tensor input, Tensor weight, Tensor? bias=None, \(geometry), int[\(n)] padding=0, "
          + "int[\(n)] output_padding=0, int groups=1, int[\(n)] dilation=1) -> Tensor"
      ) { (x: Tensor, weight: Tensor, bias: Tensor?, stride: [Int], padding: [Int], outputPadding: [Int], groups: Int, dilation: [Int]) in
        x.convolvedTransposed(n, weight, bias, stride, padding, outputPadding, groups, dilation)
      }
    }
    add("aten::bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor") {
      (a: Tensor, b: Tensor, weight: Tensor, bias: Tensor?) in a.bilinear(b, weight, bias)
    }
  }
}
