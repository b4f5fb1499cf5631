import EmberFunctional
import EmberNN
import EmberRuntime
import EmberTensor

extension ModuleTable {
  static let poolings: [String: Maker] = [
    "MaxPool1d": { a in
      let layer = MaxPool1d(
        try a.extents("kernel_size"), stride: try a.extents(ifPresent: "stride"), padding: try a.extents("padding", 0),
        dilation: try a.extents("dilation", 1), ceilMode: try a.flag("ceil_mode", false))
      return pooling(layer, returnsIndices: try a.flag("return_indices", false)) { layer.withIndices($0) }
    },
    "AvgPool1d": { a in
      one(
        AvgPool1d(
          try a.extents("kernel_size"), stride: try a.extents(ifPresent: "stride"), padding: try a.extents("padding", 0),
          ceilMode: try a.flag("ceil_mode", false), countIncludePad: try a.flag("count_include_pad", true)))
    },
    "LPPool1d": { a in
      one(
        LPPool1d(
          try a.number("norm_type"), try a.extents("kernel_size"), stride: try a.extents(ifPresent: "stride"),
          ceilMode: try a.flag("ceil_mode", false)))
    },
    "AdaptiveMaxPool1d": { a in
      let size = try a.partialExtents("output_size"), returnsIndices = try a.flag("return_indices", false)
      let layer = AdaptiveMaxPool1d(size)
      return pooling(layer, returnsIndices: returnsIndices) { layer.withIndices($0) }
    },
    "AdaptiveAvgPool1d": { a in one(AdaptiveAvgPool1d(try a.partialExtents("output_size"))) },
    "MaxUnpool1d": { a in
      let layer = MaxUnpool1d(
        try a.extents("kernel_size"), stride: try a.extents(ifPresent: "stride"), padding: try a.extents("padding", 0))
      return MadeModule(module: layer) { arguments in
        guard let size = try? arguments.integers("output_size") else { return [.tensor(layer((try arguments.tensor(0), try arguments.tensor(1))))] }
        return [.tensor(layer(try arguments.tensor(0), try arguments.tensor(1), outputSize: size))]
      }
    },
    "MaxPool2d": { a in
      let layer = MaxPool2d(
        try a.extents("kernel_size"), stride: try a.extents(ifPresent: "stride"), padding: try a.extents("padding", 0),
        dilation: try a.extents("dilation", 1), ceilMode: try a.flag("ceil_mode", false))
      return pooling(layer, returnsIndices: try a.flag("return_indices", false)) { layer.withIndices($0) }
    },
    "AvgPool2d": { a in
      one(
        AvgPool2d(
          try a.extents("kernel_size"), stride: try a.extents(ifPresent: "stride"), padding: try a.extents("padding", 0),
          ceilMode: try a.flag("ceil_mode", false), countIncludePad: try a.flag("count_include_pad", true), divisorOverride: try a.integer(ifPresent: "divisor_override")))
    },
    "LPPool2d": { a in
      one(
        LPPool2d(
          try a.number("norm_type"), try a.extents("kernel_size"), stride: try a.extents(ifPresent: "stride"),
          ceilMode: try a.flag("ceil_mode", false)))
    },
    "AdaptiveMaxPool2d": { a in
      let size = try a.partialExtents("output_size"), returnsIndices = try a.flag("return_indices", false)
      let layer = AdaptiveMaxPool2d(size)
      return pooling(layer, returnsIndices: returnsIndices) { layer.withIndices($0) }
    },
    "AdaptiveAvgPool2d": { a in one(AdaptiveAvgPool2d(try a.partialExtents("output_size"))) },
    "MaxUnpool2d": { a in
      let layer = MaxUnpool2d(
        try a.extents("kernel_size"), stride: try a.extents(ifPresent: "stride"), padding: try a.extents("padding", 0))
      return MadeModule(module: layer) { arguments in
        guard let size = try? arguments.integers("output_size") else { return [.tensor(layer((try arguments.tensor(0), try arguments.tensor(1))))] }
        return [.tensor(layer(try arguments.tensor(0), try arguments.tensor(1), outputSize: size))]
      }
    },
    "MaxPool3d": { a in
      let layer = MaxPool3d(
        try a.extents("kernel_size"), stride: try a.extents(ifPresent: "stride"), padding: try a.extents("padding", 0),
        dilation: try a.extents("dilation", 1), ceilMode: try a.flag("ceil_mode", false))
      return pooling(layer, returnsIndices: try a.flag("return_indices", false)) { layer.withIndices($0) }
    },
    "AvgPool3d": { a in
      one(
        AvgPool3d(
          try a.extents("kernel_size"), stride: try a.extents(ifPresent: "stride"), padding: try a.extents("padding", 0),
          ceilMode: try a.flag("ceil_mode", false), countIncludePad: try a.flag("count_include_pad", true), divisorOverride: try a.integer(ifPresent: "divisor_override")))
    },
    "LPPool3d": { a in
      one(
        LPPool3d(
          try a.number("norm_type"), try a.extents("kernel_size"), stride: try a.extents(ifPresent: "stride"),
          ceilMode: try a.flag("ceil_mode", false)))
    },
    "AdaptiveMaxPool3d": { a in
      let size = try a.partialExtents("output_size"), returnsIndices = try a.flag("return_indices", false)
      let layer = AdaptiveMaxPool3d(size)
      return pooling(layer, returnsIndices: returnsIndices) { layer.withIndices($0) }
    },
    "AdaptiveAvgPool3d": { a in one(AdaptiveAvgPool3d(try a.partialExtents("output_size"))) },
    "MaxUnpool3d": { a in
      let layer = MaxUnpool3d(
        try a.extents("kernel_size"), stride: try a.extents(ifPresent: "stride"), padding: try a.extents("padding", 0))
      return MadeModule(module: layer) { arguments in
        guard let size = try? arguments.integers("output_size") else { return [.tensor(layer((try arguments.tensor(0), try arguments.tensor(1))))] }
        return [.tensor(layer(try arguments.tensor(0), try arguments.tensor(1), outputSize: size))]
      }
    },
    "FractionalMaxPool2d": { a in
      let layer = FractionalMaxPool2d(
        try a.extents("kernel_size"), outputSize: try a.extents(ifPresent: "output_size"),
        outputRatio: try a.numbers("output_ratio").map { $0.count == 1 ? Array(repeating: $0[0], count: 2) : $0 },
        randomSamples: try a.tensor("_random_samples"))
      return pooling(layer, returnsIndices: try a.flag("return_indices", false)) { layer.withIndices($0) }
    },
    "FractionalMaxPool3d": { a in
      let layer = FractionalMaxPool3d(
        try a.extents("kernel_size"), outputSize: try a.extents(ifPresent: "output_size"),
        outputRatio: try a.numbers("output_ratio").map { $0.count == 1 ? Array(repeating: $0[0], count: 3) : $0 },
        randomSamples: try a.tensor("_random_samples"))
      return pooling(layer, returnsIndices: try a.flag("return_indices", false)) { layer.withIndices($0) }
    },
  ]
}
