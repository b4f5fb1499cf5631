import EmberFunctional
import EmberRuntime
import EmberTensor

// The shortest forms in which PyTorch's constructors are called, with the arguments that are usually given by position.

extension ConvolutionLayer {
  /// `Conv2d(3, 16, 5, padding: 2)`
  public convenience init(
    _ inChannels: Int, _ outChannels: Int, _ kernelSize: any SpatialExtents, stride: any SpatialExtents = 1,
    padding: any ConvolutionPadding = 0, dilation: any SpatialExtents = 1, groups: Int = 1, bias: Bool = true,
    paddingMode: PaddingMode = .zeros, dtype: DType = .float32, on device: Device = .cpu
  ) {
    self.init(
      inChannels, outChannels, kernelSize: kernelSize, stride: stride, padding: padding, dilation: dilation, groups: groups, bias: bias,
      paddingMode: paddingMode, dtype: dtype, on: device)
  }

  /// `Conv2d(1, 32, 3, 1)`, `Conv2d(1, 32, 3, 1, 1)`
  public convenience init(
    _ inChannels: Int, _ outChannels: Int, _ kernelSize: any SpatialExtents, _ stride: any SpatialExtents,
    _ padding: any ConvolutionPadding = 0, dilation: any SpatialExtents = 1, groups: Int = 1, bias: Bool = true,
    paddingMode: PaddingMode = .zeros, dtype: DType = .float32, on device: Device = .cpu
  ) {
    self.init(
      inChannels, outChannels, kernelSize: kernelSize, stride: stride, padding: padding, dilation: dilation, groups: groups, bias: bias,
      paddingMode: paddingMode, dtype: dtype, on: device)
  }
}

extension TransposedConvolutionLayer {
  /// `ConvTranspose2d(16, 3, 4, stride: 2)`
  public convenience init(
    _ inChannels: Int, _ outChannels: Int, _ kernelSize: any SpatialExtents, stride: any SpatialExtents = 1, padding: any SpatialExtents = 0,
    outputPadding: any SpatialExtents = 0, groups: Int = 1, bias: Bool = true, dilation: any SpatialExtents = 1, dtype: DType = .float32,
    on device: Device = .cpu
  ) {
    self.init(
      inChannels, outChannels, kernelSize: kernelSize, stride: stride, padding: padding, outputPadding: outputPadding, groups: groups, bias: bias,
      dilation: dilation, dtype: dtype, on: device)
  }

  /// `ConvTranspose2d(16, 3, 4, 2)`, `ConvTranspose2d(16, 3, 4, 2, 1)`
  public convenience init(
    _ inChannels: Int, _ outChannels: Int, _ kernelSize: any SpatialExtents, _ stride: any SpatialExtents, _ padding: any SpatialExtents = 0,
    outputPadding: any SpatialExtents = 0, groups: Int = 1, bias: Bool = true, dilation: any SpatialExtents = 1, dtype: DType = .float32,
    on device: Device = .cpu
  ) {
    self.init(
      inChannels, outChannels, kernelSize: kernelSize, stride: stride, padding: padding, outputPadding: outputPadding, groups: groups, bias: bias,
      dilation: dilation, dtype: dtype, on: device)
  }
}

extension MaxPoolLayer {
  /// `MaxPool2d(3, 2)`, `MaxPool2d(3, 2, 1)`
  public convenience init(
    _ kernelSize: any SpatialExtents, _ stride: any SpatialExtents, _ padding: any SpatialExtents = 0, dilation: any SpatialExtents = 1,
    ceilMode: Bool = false
  ) { self.init(kernelSize, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode) }
}

extension AvgPoolLayer {
  /// `AvgPool2d(3, 2)`, `AvgPool2d(3, 2, 1)`
  public convenience init(
    _ kernelSize: any SpatialExtents, _ stride: any SpatialExtents, _ padding: any SpatialExtents = 0, ceilMode: Bool = false,
    countIncludePad: Bool = true, divisorOverride: Int? = nil
  ) {
    self.init(
      kernelSize, stride: stride, padding: padding, ceilMode: ceilMode, countIncludePad: countIncludePad, divisorOverride: divisorOverride)
  }
}

extension AvgPool1d {
  /// `AvgPool1d(3, 2)`
  public convenience init(
    _ kernelSize: any SpatialExtents, _ stride: any SpatialExtents, _ padding: any SpatialExtents = 0, ceilMode: Bool = false,
    countIncludePad: Bool = true
  ) { self.init(kernelSize, stride: stride, padding: padding, ceilMode: ceilMode, countIncludePad: countIncludePad) }
}

extension LPPool1d {
  /// `LPPool1d(2, 3, 2)`
  public convenience init(_ p: Double, _ kernelSize: any SpatialExtents, _ stride: any SpatialExtents, ceilMode: Bool = false) {
    self.init(p, kernelSize, stride: stride, ceilMode: ceilMode)
  }
}

extension MaxUnpool1d {
  /// `MaxUnpool1d(2, 2)`
  public convenience init(_ kernelSize: any SpatialExtents, _ stride: any SpatialExtents, _ padding: any SpatialExtents = 0) {
    self.init(kernelSize, stride: stride, padding: padding)
  }
}

extension LPPool2d {
  /// `LPPool2d(2, 3, 2)`
  public convenience init(_ p: Double, _ kernelSize: any SpatialExtents, _ stride: any SpatialExtents, ceilMode: Bool = false) {
    self.init(p, kernelSize, stride: stride, ceilMode: ceilMode)
  }
}

extension MaxUnpool2d {
  /// `MaxUnpool2d(2, 2)`
  public convenience init(_ kernelSize: any SpatialExtents, _ stride: any SpatialExtents, _ padding: any SpatialExtents = 0) {
    self.init(kernelSize, stride: stride, padding: padding)
  }
}

extension LPPool3d {
  /// `LPPool3d(2, 3, 2)`
  public convenience init(_ p: Double, _ kernelSize: any SpatialExtents, _ stride: any SpatialExtents, ceilMode: Bool = false) {
    self.init(p, kernelSize, stride: stride, ceilMode: ceilMode)
  }
}

extension MaxUnpool3d {
  /// `MaxUnpool3d(2, 2)`
  public convenience init(_ kernelSize: any SpatialExtents, _ stride: any SpatialExtents, _ padding: any SpatialExtents = 0) {
    self.init(kernelSize, stride: stride, padding: padding)
  }
}

extension LazyConv1d {
  /// `LazyConv1d(16, 3)`
  public convenience init(
    _ outChannels: Int, _ kernelSize: any SpatialExtents, stride: any SpatialExtents = 1, padding: any ConvolutionPadding = 0,
    dilation: any SpatialExtents = 1, groups: Int = 1, bias: Bool = true, paddingMode: PaddingMode = .zeros, dtype: DType = .float32,
    on device: Device = .cpu
  ) {
    self.init(
      outChannels, kernelSize: kernelSize, stride: stride, padding: padding, dilation: dilation, groups: groups, bias: bias,
      paddingMode: paddingMode, dtype: dtype, on: device)
  }
}

extension LazyConvTranspose1d {
  /// `LazyConvTranspose1d(16, 3)`
  public convenience init(
    _ outChannels: Int, _ kernelSize: any SpatialExtents, stride: any SpatialExtents = 1, padding: any SpatialExtents = 0,
    outputPadding: any SpatialExtents = 0, groups: Int = 1, bias: Bool = true, dilation: any SpatialExtents = 1, dtype: DType = .float32,
    on device: Device = .cpu
  ) {
    self.init(
      outChannels, kernelSize: kernelSize, stride: stride, padding: padding, outputPadding: outputPadding, groups: groups, bias: bias,
      dilation: dilation, dtype: dtype, on: device)
  }
}

extension LazyConv2d {
  /// `LazyConv2d(16, 3)`
  public convenience init(
    _ outChannels: Int, _ kernelSize: any SpatialExtents, stride: any SpatialExtents = 1, padding: any ConvolutionPadding = 0,
    dilation: any SpatialExtents = 1, groups: Int = 1, bias: Bool = true, paddingMode: PaddingMode = .zeros, dtype: DType = .float32,
    on device: Device = .cpu
  ) {
    self.init(
      outChannels, kernelSize: kernelSize, stride: stride, padding: padding, dilation: dilation, groups: groups, bias: bias,
      paddingMode: paddingMode, dtype: dtype, on: device)
  }
}

extension LazyConvTranspose2d {
  /// `LazyConvTranspose2d(16, 3)`
  public convenience init(
    _ outChannels: Int, _ kernelSize: any SpatialExtents, stride: any SpatialExtents = 1, padding: any SpatialExtents = 0,
    outputPadding: any SpatialExtents = 0, groups: Int = 1, bias: Bool = true, dilation: any SpatialExtents = 1, dtype: DType = .float32,
    on device: Device = .cpu
  ) {
    self.init(
      outChannels, kernelSize: kernelSize, stride: stride, padding: padding, outputPadding: outputPadding, groups: groups, bias: bias,
      dilation: dilation, dtype: dtype, on: device)
  }
}

extension LazyConv3d {
  /// `LazyConv3d(16, 3)`
  public convenience init(
    _ outChannels: Int, _ kernelSize: any SpatialExtents, stride: any SpatialExtents = 1, padding: any ConvolutionPadding = 0,
    dilation: any SpatialExtents = 1, groups: Int = 1, bias: Bool = true, paddingMode: PaddingMode = .zeros, dtype: DType = .float32,
    on device: Device = .cpu
  ) {
    self.init(
      outChannels, kernelSize: kernelSize, stride: stride, padding: padding, dilation: dilation, groups: groups, bias: bias,
      paddingMode: paddingMode, dtype: dtype, on: device)
  }
}

extension LazyConvTranspose3d {
  /// `LazyConvTranspose3d(16, 3)`
  public convenience init(
    _ outChannels: Int, _ kernelSize: any SpatialExtents, stride: any SpatialExtents = 1, padding: any SpatialExtents = 0,
    outputPadding: any SpatialExtents = 0, groups: Int = 1, bias: Bool = true, dilation: any SpatialExtents = 1, dtype: DType = .float32,
    on device: Device = .cpu
  ) {
    self.init(
      outChannels, kernelSize: kernelSize, stride: stride, padding: padding, outputPadding: outputPadding, groups: groups, bias: bias,
      dilation: dilation, dtype: dtype, on: device)
  }
}

extension RNN {
  /// `RNN(10, 20, 2)`
  public convenience init(
    _ inputSize: Int, _ hiddenSize: Int, _ numLayers: Int, nonlinearity: Nonlinearity = .tanh, bias: Bool = true, batchFirst: Bool = false,
    dropout: Double = 0, bidirectional: Bool = false, dtype: DType = .float32, on device: Device = .cpu
  ) {
    self.init(
      inputSize, hiddenSize, numLayers: numLayers, nonlinearity: nonlinearity, bias: bias, batchFirst: batchFirst, dropout: dropout,
      bidirectional: bidirectional, dtype: dtype, on: device)
  }
}

extension GRU {
  /// `GRU(10, 20, 2)`
  public convenience init(
    _ inputSize: Int, _ hiddenSize: Int, _ numLayers: Int, bias: Bool = true, batchFirst: Bool = false, dropout: Double = 0,
    bidirectional: Bool = false, dtype: DType = .float32, on device: Device = .cpu
  ) {
    self.init(
      inputSize, hiddenSize, numLayers: numLayers, bias: bias, batchFirst: batchFirst, dropout: dropout, bidirectional: bidirectional, dtype: dtype,
      on: device)
  }
}

extension LSTM {
  /// `LSTM(10, 20, 2)`
  public convenience init(
    _ inputSize: Int, _ hiddenSize: Int, _ numLayers: Int, bias: Bool = true, batchFirst: Bool = false, dropout: Double = 0,
    bidirectional: Bool = false, projectionSize: Int = 0, dtype: DType = .float32, on device: Device = .cpu
  ) {
    self.init(
      inputSize, hiddenSize, numLayers: numLayers, bias: bias, batchFirst: batchFirst, dropout: dropout, bidirectional: bidirectional,
      projectionSize: projectionSize, dtype: dtype, on: device)
  }
}

extension LeakyReLU {
  /// `LeakyReLU(0.2)`
  public convenience init(_ negativeSlope: Double) { self.init(negativeSlope: negativeSlope) }
}

extension ELU {
  /// `ELU(0.5)`
  public convenience init(_ alpha: Double) { self.init(alpha: alpha) }
}

extension CELU {
  /// `CELU(0.5)`
  public convenience init(_ alpha: Double) { self.init(alpha: alpha) }
}

extension Hardtanh {
  /// `Hardtanh(-2, 2)`
  public convenience init(_ minValue: Double, _ maxValue: Double) { self.init(minValue: minValue, maxValue: maxValue) }
}

extension Softplus {
  /// `Softplus(2)`, `Softplus(2, 10)`
  public convenience init(_ beta: Double, _ threshold: Double = 20) { self.init(beta: beta, threshold: threshold) }
}

extension RReLU {
  /// `RReLU(0.1, 0.3)`
  public convenience init(_ lower: Double, _ upper: Double) { self.init(lower: lower, upper: upper) }
}

extension Flatten {
  /// `Flatten(1)`, `Flatten(0, 1)`
  public convenience init(_ start: Int, _ end: Int = -1) { self.init(start: start, end: end) }
}
