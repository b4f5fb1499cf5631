import EmberFunctional
import EmberNN
import EmberRuntime
import EmberTensor

extension ModuleTable {
  static let convolutions: [String: Maker] = [
    "Conv1d": { a in
      one(
        Conv1d(
          try a.size("in_channels"), try a.size("out_channels"), kernelSize: try a.extents("kernel_size"), stride: try a.extents("stride", 1),
          padding: try a.convolutionPadding("padding"), dilation: try a.extents("dilation", 1), groups: try a.integer("groups", 1),
          bias: try a.flag("bias", true), paddingMode: try a.paddingMode("padding_mode")))
    },
    "ConvTranspose1d": { a in
      one(
        ConvTranspose1d(
          try a.size("in_channels"), try a.size("out_channels"), kernelSize: try a.extents("kernel_size"), stride: try a.extents("stride", 1),
          padding: try a.extents("padding", 0), outputPadding: try a.extents("output_padding", 0), groups: try a.integer("groups", 1),
          bias: try a.flag("bias", true), dilation: try a.extents("dilation", 1)))
    },
    "LazyConv1d": { a in
      one(
        LazyConv1d(
          try a.size("out_channels"), kernelSize: try a.extents("kernel_size"), stride: try a.extents("stride", 1),
          padding: try a.convolutionPadding("padding"), dilation: try a.extents("dilation", 1), groups: try a.integer("groups", 1),
          bias: try a.flag("bias", true), paddingMode: try a.paddingMode("padding_mode")))
    },
    "LazyConvTranspose1d": { a in
      one(
        LazyConvTranspose1d(
          try a.size("out_channels"), kernelSize: try a.extents("kernel_size"), stride: try a.extents("stride", 1),
          padding: try a.extents("padding", 0), outputPadding: try a.extents("output_padding", 0), groups: try a.integer("groups", 1),
          bias: try a.flag("bias", true), dilation: try a.extents("dilation", 1)))
    },
    "Conv2d": { a in
      one(
        Conv2d(
          try a.size("in_channels"), try a.size("out_channels"), kernelSize: try a.extents("kernel_size"), stride: try a.extents("stride", 1),
          padding: try a.convolutionPadding("padding"), dilation: try a.extents("dilation", 1), groups: try a.integer("groups", 1),
          bias: try a.flag("bias", true), paddingMode: try a.paddingMode("padding_mode")))
    },
    "ConvTranspose2d": { a in
      one(
        ConvTranspose2d(
          try a.size("in_channels"), try a.size("out_channels"), kernelSize: try a.extents("kernel_size"), stride: try a.extents("stride", 1),
          padding: try a.extents("padding", 0), outputPadding: try a.extents("output_padding", 0), groups: try a.integer("groups", 1),
          bias: try a.flag("bias", true), dilation: try a.extents("dilation", 1)))
    },
    "LazyConv2d": { a in
      one(
        LazyConv2d(
          try a.size("out_channels"), kernelSize: try a.extents("kernel_size"), stride: try a.extents("stride", 1),
          padding: try a.convolutionPadding("padding"), dilation: try a.extents("dilation", 1), groups: try a.integer("groups", 1),
          bias: try a.flag("bias", true), paddingMode: try a.paddingMode("padding_mode")))
    },
    "LazyConvTranspose2d": { a in
      one(
        LazyConvTranspose2d(
          try a.size("out_channels"), kernelSize: try a.extents("kernel_size"), stride: try a.extents("stride", 1),
          padding: try a.extents("padding", 0), outputPadding: try a.extents("output_padding", 0), groups: try a.integer("groups", 1),
          bias: try a.flag("bias", true), dilation: try a.extents("dilation", 1)))
    },
    "Conv3d": { a in
      one(
        Conv3d(
          try a.size("in_channels"), try a.size("out_channels"), kernelSize: try a.extents("kernel_size"), stride: try a.extents("stride", 1),
          padding: try a.convolutionPadding("padding"), dilation: try a.extents("dilation", 1), groups: try a.integer("groups", 1),
          bias: try a.flag("bias", true), paddingMode: try a.paddingMode("padding_mode")))
    },
    "ConvTranspose3d": { a in
      one(
        ConvTranspose3d(
          try a.size("in_channels"), try a.size("out_channels"), kernelSize: try a.extents("kernel_size"), stride: try a.extents("stride", 1),
          padding: try a.extents("padding", 0), outputPadding: try a.extents("output_padding", 0), groups: try a.integer("groups", 1),
          bias: try a.flag("bias", true), dilation: try a.extents("dilation", 1)))
    },
    "LazyConv3d": { a in
      one(
        LazyConv3d(
          try a.size("out_channels"), kernelSize: try a.extents("kernel_size"), stride: try a.extents("stride", 1),
          padding: try a.convolutionPadding("padding"), dilation: try a.extents("dilation", 1), groups: try a.integer("groups", 1),
          bias: try a.flag("bias", true), paddingMode: try a.paddingMode("padding_mode")))
    },
    "LazyConvTranspose3d": { a in
      one(
        LazyConvTranspose3d(
          try a.size("out_channels"), kernelSize: try a.extents("kernel_size"), stride: try a.extents("stride", 1),
          padding: try a.extents("padding", 0), outputPadding: try a.extents("output_padding", 0), groups: try a.integer("groups", 1),
          bias: try a.flag("bias", true), dilation: try a.extents("dilation", 1)))
    },
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
}

extension ModuleArguments {
  fileprivate mutating func paddingMode(_ name: String) throws -> PaddingMode {
    let word = try text(name, "zeros")
    guard word == "zeros" || word != "constant", let mode = word == "zeros" ? .constant : PaddingMode(rawValue: word) else {
      throw EmberError(.value, in: owner, "\(name) must be zeros, reflect, replicate or circular, not '\(word)'")
    }
    return mode
  }
}
