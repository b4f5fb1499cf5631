import EmberFunctional
import EmberNN
import EmberRuntime
import EmberTensor

extension ModuleTable {
  static let convolutions: [String: Maker] = [
    "Conv1d": convolution(Conv1d.init(_:_:kernelSize:stride:padding:dilation:groups:bias:paddingMode:dtype:on:)),
    "Conv2d": convolution(Conv2d.init(_:_:kernelSize:stride:padding:dilation:groups:bias:paddingMode:dtype:on:)),
    "Conv3d": convolution(Conv3d.init(_:_:kernelSize:stride:padding:dilation:groups:bias:paddingMode:dtype:on:)),
    "LazyConv1d": lazyConvolution(LazyConv1d.init(_:kernelSize:stride:padding:dilation:groups:bias:paddingMode:dtype:on:)),
    "LazyConv2d": lazyConvolution(LazyConv2d.init(_:kernelSize:stride:padding:dilation:groups:bias:paddingMode:dtype:on:)),
    "LazyConv3d": lazyConvolution(LazyConv3d.init(_:kernelSize:stride:padding:dilation:groups:bias:paddingMode:dtype:on:)),
    "ConvTranspose1d": transposed(ConvTranspose1d.init(_:_:kernelSize:stride:padding:outputPadding:groups:bias:dilation:dtype:on:)) { $0($1, outputSize: $2) },
    "ConvTranspose2d": transposed(ConvTranspose2d.init(_:_:kernelSize:stride:padding:outputPadding:groups:bias:dilation:dtype:on:)) { $0($1, outputSize: $2) },
    "ConvTranspose3d": transposed(ConvTranspose3d.init(_:_:kernelSize:stride:padding:outputPadding:groups:bias:dilation:dtype:on:)) { $0($1, outputSize: $2) },
    "LazyConvTranspose1d": lazyTransposed(LazyConvTranspose1d.init(_:kernelSize:stride:padding:outputPadding:groups:bias:dilation:dtype:on:)) { $0($1, outputSize: $2) },
    "LazyConvTranspose2d": lazyTransposed(LazyConvTranspose2d.init(_:kernelSize:stride:padding:outputPadding:groups:bias:dilation:dtype:on:)) { $0($1, outputSize: $2) },
    "LazyConvTranspose3d": lazyTransposed(LazyConvTranspose3d.init(_:kernelSize:stride:padding:outputPadding:groups:bias:dilation:dtype:on:)) { $0($1, outputSize: $2) },
    "ZeroPad1d": { a in one(ZeroPad1d(try a.extents("padding"))) },
    "ZeroPad2d": { a in one(ZeroPad2d(try a.extents("padding"))) },
    "ZeroPad3d": { a in one(ZeroPad3d(try a.extents("padding"))) },
    "ReflectionPad1d": { a in one(ReflectionPad1d(try a.extents("padding"))) },
    "ReflectionPad2d": { a in one(ReflectionPad2d(try a.extents("padding"))) },
    "ReflectionPad3d": { a in one(ReflectionPad3d(try a.extents("padding"))) },
    "ReplicationPad1d": { a in one(ReplicationPad1d(try a.extents("padding"))) },
    "ReplicationPad2d": { a in one(ReplicationPad2d(try a.extents("padding"))) },
    "ReplicationPad3d": { a in one(ReplicationPad3d(try a.extents("padding"))) },
    "CircularPad1d": { a in one(CircularPad1d(try a.extents("padding"))) },
    "CircularPad2d": { a in one(CircularPad2d(try a.extents("padding"))) },
    "CircularPad3d": { a in one(CircularPad3d(try a.extents("padding"))) },
    "ConstantPad1d": { a in one(ConstantPad1d(try a.extents("padding"), try a.scalar("value"))) },
    "ConstantPad2d": { a in one(ConstantPad2d(try a.extents("padding"), try a.scalar("value"))) },
    "ConstantPad3d": { a in one(ConstantPad3d(try a.extents("padding"), try a.scalar("value"))) },
  ]

  private typealias Extents = any SpatialExtents

  private static func convolution(
    _ make: @escaping @Sendable (
      Int, Int, Extents, Extents, any ConvolutionPadding, Extents, Int, Bool, PaddingMode, DType, Device
    ) -> some Layer<Tensor, Tensor>
  ) -> Maker {
    { a in
      one(
        make(
          try a.size("in_channels"), try a.size("out_channels"), try a.extents("kernel_size"), try a.extents("stride", 1),
          try a.convolutionPadding("padding"), try a.extents("dilation", 1), try a.integer("groups", 1), try a.flag("bias", true),
          try a.paddingMode("padding_mode"), .float32, .cpu))
    }
  }

  private static func lazyConvolution(
    _ make: @escaping @Sendable (
      Int, Extents, Extents, any ConvolutionPadding, Extents, Int, Bool, PaddingMode, DType, Device
    ) -> some Layer<Tensor, Tensor>
  ) -> Maker {
    { a in
      one(
        make(
          try a.size("out_channels"), try a.extents("kernel_size"), try a.extents("stride", 1), try a.convolutionPadding("padding"),
          try a.extents("dilation", 1), try a.integer("groups", 1), try a.flag("bias", true), try a.paddingMode("padding_mode"), .float32,
          .cpu))
    }
  }

  private static func transposed<Transposed: Layer<Tensor, Tensor>>(
    _ make: @escaping @Sendable (Int, Int, Extents, Extents, Extents, Extents, Int, Bool, Extents, DType, Device) -> Transposed,
    _ call: @escaping @Sendable (Transposed, Tensor, [Int]) -> Tensor
  ) -> Maker {
    { a in
      try a.refusePaddingMode()
      let layer = make(
        try a.size("in_channels"), try a.size("out_channels"), try a.extents("kernel_size"), try a.extents("stride", 1),
        try a.extents("padding", 0), try a.extents("output_padding", 0), try a.integer("groups", 1), try a.flag("bias", true),
        try a.extents("dilation", 1), .float32, .cpu)
      return sized(layer, call)
    }
  }

  private static func lazyTransposed<Transposed: Layer<Tensor, Tensor>>(
    _ make: @escaping @Sendable (Int, Extents, Extents, Extents, Extents, Int, Bool, Extents, DType, Device) -> Transposed,
    _ call: @escaping @Sendable (Transposed, Tensor, [Int]) -> Tensor
  ) -> Maker {
    { a in
      try a.refusePaddingMode()
      let layer = make(
        try a.size("out_channels"), try a.extents("kernel_size"), try a.extents("stride", 1), try a.extents("padding", 0),
        try a.extents("output_padding", 0), try a.integer("groups", 1), try a.flag("bias", true), try a.extents("dilation", 1), .float32,
        .cpu)
      return sized(layer, call)
    }
  }

  /// A layer that may be told the extents of its result.
  private static func sized<Sized: Layer<Tensor, Tensor>>(
    _ layer: Sized, _ call: @escaping @Sendable (Sized, Tensor, [Int]) -> Tensor
  ) -> MadeModule {
    MadeModule(module: layer) { arguments in
      guard let size = try arguments.integers(ifPresent: "output_size") else { return [.tensor(layer(try arguments.tensor(0)))] }
      return [.tensor(call(layer, try arguments.tensor(0), size))]
    }
  }
}

extension ModuleArguments {
  /// Transposed convolutions know zeros alone, and have no parameter for it.
  fileprivate mutating func refusePaddingMode() throws {
    if try text("padding_mode", "zeros") != "zeros" { throw EmberError(.value, in: owner, "transposed convolutions are padded with zeros") }
  }

  fileprivate mutating func paddingMode(_ name: String) throws -> PaddingMode {
    let word = try text(name, "zeros")
    guard word == "zeros" || word != "constant", let mode = word == "zeros" ? .constant : PaddingMode(rawValue: word) else {
      throw EmberError(.value, in: owner, "\(name) must be zeros, reflect, replicate or circular, not '\(word)'")
    }
    return mode
  }
}
