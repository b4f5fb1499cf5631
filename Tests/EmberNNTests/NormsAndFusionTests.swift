import EmberNN
import EmberRuntime
import EmberTensor
import Testing

// The numbers are PyTorch's, from
//
//   def wave(shape, step): return (torch.arange(math.prod(shape)) * step).sin().reshape(shape)  # float64 is the default dtype
//   get_total_norm([wave([2, 3], 0.7), wave([4], 0.3)], p)
//   fuse_conv_bn_eval(conv, bn), with the states that the tests load.

private func wave(_ shape: [Int], _ step: Double) -> Tensor {
  (Tensor.arange(shape.reduce(1, *)).to(.float64) * step).sin().reshape(shape)
}

private func isClose(_ a: Tensor?, _ values: [Double]) -> Bool {
  guard let a, a.elementCount == values.count else { return false }
  return zip(a.elements(as: Double.self), values).allSatisfy { abs($0 - $1) <= 1e-11 * max(1, abs($1)) }
}

private func isClose(_ a: Tensor, _ b: Tensor) -> Bool { a.shape == b.shape && isClose(a, b.elements(as: Double.self)) }

private func message(_ body: () -> Void) -> String {
  do { try catchingErrors(body) } catch { return "\(error)" }
  return ""
}

@Suite struct GradientNormTests {
  private static let tensors = [wave([2, 3], 0.7), wave([4], 0.3)]

  @Test(arguments: [(2.0, 1.840184312992), (1.0, 4.822137751404), (Double.infinity, 0.9854497299885), (0.5, 36.91259876545)])
  func totals(_ p: Double, _ expected: Double) {
    #expect(isClose(totalNorm(of: Self.tensors, normType: p), [expected]))
  }

  @Test func extremes() {
    #expect(totalNorm(of: []).item() == 0)
    // The widest dtype.
    let total = totalNorm(of: [Tensor.full([1], 3.0), Tensor.full([1], 4, dtype: .float64)])
    #expect(total.dtype == .float64 && total.item() == 5)
    let broken = [Tensor([1.0, .infinity], dtype: .float64)]
    #expect(totalNorm(of: broken).item() == .infinity)
    #expect(message { _ = totalNorm(of: broken, errorIfNonfinite: true) }.hasPrefix("[totalNorm]"))
  }

  @Test func clipping() {
    let cells = Self.tensors.map { StateCell($0, isParameter: true) } + [StateCell(Tensor.ones([2]), isParameter: true)]
    for (cell, tensor) in zip(cells, Self.tensors) { cell.grad = tensor * 2 }
    let total = Tensor.full([], 6, dtype: .float64)
    clipGradients(cells, toNorm: 1.5, totalNorm: total)
    #expect(isClose(cells[0].grad, [0.0, 0.322108789934, 0.4927247828734, 0.4316046113903, 0.1674940471623, -0.1753915846129]))
    // A norm below the limit changes nothing.
    clipGradients(cells, toNorm: 9, totalNorm: total)
    #expect(isClose(cells[0].grad, [0.0, 0.322108789934, 0.4927247828734, 0.4316046113903, 0.1674940471623, -0.1753915846129]))
    #expect(cells[2].grad == nil)
  }
}

@Suite struct BatchNormFusionTests {
  private func norm<Norm: BatchNormLayer>(_ layer: Norm) throws -> Norm {
    let n = layer.features
    var state = ["running_mean": wave([n], 0.8), "running_var": wave([n], 0.9) + 1.5, "num_batches_tracked": Tensor(3)]
    if layer.weight != nil { state["weight"] = wave([n], 0.4) + 1 }
    if layer.bias != nil { state["bias"] = wave([n], 0.6) }
    try layer.loadStateDict(state)
    return layer.eval()
  }

  @Test func numbersOfPyTorch() throws {
    let norm = try norm(BatchNorm2d(2, dtype: .float64))
    let convolution = Conv2d(2, 2, 2, groups: 2, dtype: .float64).eval()
    try convolution.loadStateDict(["weight": wave([2, 1, 2, 2], 0.7), "bias": wave([2], 0.3)])
    let fused = fuseConvolutionBatchNorm(convolution, norm)
    #expect(isClose(fused.weight, [0.0, 0.525999785673, 0.8046136531707, 0.704805147147, 0.3080189769013, -0.3225424268196,
      -0.8014070873429, -0.9033574723576]))
    #expect(isClose(fused.bias, [0.0, 0.1767676861142]))
    let transposed = ConvTranspose2d(1, 2, kernelSize: 2, bias: false, dtype: .float64).eval()
    try transposed.loadStateDict(["weight": wave([1, 2, 2, 2], 0.7)])
    let fusedTransposed = fuseConvolutionBatchNorm(transposed, norm)
    #expect(isClose(fusedTransposed.weight, [0.0, 0.525999785673, 0.8046136531707, 0.704805147147, 0.3080189769013, -0.3225424268196,
      -0.8014070873429, -0.9033574723576]))
    #expect(isClose(fusedTransposed.bias, [0.0, -0.09496082627383]))
    let linear = Linear(3, 2, dtype: .float64).eval()
    try linear.loadStateDict(["weight": wave([2, 3], 0.7), "bias": wave([2], 0.3)])
    let fusedLinear = fuseLinearBatchNorm(linear, norm)
    #expect(isClose(fusedLinear.weight, [0.0, 0.525999785673, 0.8046136531707, 0.7937142428563, 0.3080189769013, -0.3225424268196]))
    #expect(isClose(fusedLinear.bias, [0.0, 0.1767676861142]))
    // What went in stays.
    #expect(isClose(convolution.weight, wave([2, 1, 2, 2], 0.7)) && !fused.isTraining && fused.$weight.requiresGrad)
  }

  /// One layer does what two did: groups, paddings, strides, without a bias, without γ and β.
  @Test func theFusedLayerComputesTheSame() throws {
    try withRandomSeed(3) {
      func x(_ shape: Int...) -> Tensor { Tensor.randn(shape, dtype: .float64) }
      let norm1 = try norm(BatchNorm1d(6, dtype: .float64)), norm2 = try norm(BatchNorm2d(6, affine: false, dtype: .float64))
      let norm3 = try norm(BatchNorm3d(6, bias: false, dtype: .float64))
      let c1 = Conv1d(4, 6, 3, stride: 2, padding: 1, groups: 2, bias: false, paddingMode: .circular, dtype: .float64).eval()
      let x1 = x(2, 4, 7), x2 = x(2, 4, 5, 6), x3 = x(1, 4, 3, 4, 3)
      #expect(isClose(fuseConvolutionBatchNorm(c1, norm1)(x1), norm1(c1(x1))))
      let c2 = Conv2d(4, 6, [3, 2], padding: "same", dilation: 2, dtype: .float64).eval()
      #expect(isClose(fuseConvolutionBatchNorm(c2, norm2)(x2), norm2(c2(x2))))
      let c3 = Conv3d(4, 6, 2, dtype: .float64).eval()
      #expect(isClose(fuseConvolutionBatchNorm(c3, norm3)(x3), norm3(c3(x3))))
      let t1 = ConvTranspose1d(4, 6, kernelSize: 3, stride: 2, outputPadding: 1, groups: 2, dtype: .float64).eval()
      #expect(isClose(fuseConvolutionBatchNorm(t1, norm1)(x1), norm1(t1(x1))))
      let t2 = ConvTranspose2d(4, 6, kernelSize: 3, padding: 1, bias: false, dilation: 2, dtype: .float64).eval()
      #expect(isClose(fuseConvolutionBatchNorm(t2, norm2)(x2), norm2(t2(x2))))
      let t3 = ConvTranspose3d(4, 6, kernelSize: 2, groups: 2, dtype: .float64).eval()
      #expect(isClose(fuseConvolutionBatchNorm(t3, norm3)(x3), norm3(t3(x3))))
      let linear = Linear(4, 6, bias: false, dtype: .float64).eval(), rows = x(5, 4)
      #expect(isClose(fuseLinearBatchNorm(linear, norm1)(rows), norm1(linear(rows))))
      // One feature for all outputs.
      let single = try norm(BatchNorm1d(1, dtype: .float64)), several = fuseLinearBatchNorm(linear, single)
      #expect(isClose(several(rows), single(linear(rows).unsqueeze(1)).squeeze(1)))
      // A parametrised weight is fused as it is now.
      let parametrised = weightNorm(Conv2d(4, 6, 3, dtype: .float64)).eval()
      #expect(isClose(fuseConvolutionBatchNorm(parametrised, norm2)(x2), norm2(parametrised(x2))))
      #expect(fuseConvolutionBatchNorm(parametrised, norm2).stateDict().map(\.name) == ["weight", "bias"])
    }
  }

  @Test func misuseIsAnError() throws {
    let norm = try norm(BatchNorm2d(6)), convolution = Conv2d(4, 6, 3)
    #expect(message { _ = fuseConvolutionBatchNorm(convolution, norm) }.contains("call eval()"))
    convolution.eval()
    #expect(message { _ = fuseConvolutionBatchNorm(convolution, BatchNorm2d(5).eval()) }.contains("5 features after 6 outputs"))
    #expect(message { _ = fuseConvolutionBatchNorm(convolution, BatchNorm2d(6, trackRunningStats: false).eval()) }.contains("statistics"))
    #expect(message { _ = fuseLinearBatchNorm(Linear(2, 4).eval(), norm) }.hasPrefix("[fuseLinearBatchNorm]"))
  }
}
