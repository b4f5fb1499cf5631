import EmberFunctional
import EmberNN
import EmberRuntime
import EmberTensor

extension ModuleTable {
  static let poolings: [String: Maker] = [
    "MaxPool1d": maxPool(MaxPool1d.init(_:stride:padding:dilation:ceilMode:)),
    "MaxPool2d": maxPool(MaxPool2d.init(_:stride:padding:dilation:ceilMode:)),
    "MaxPool3d": maxPool(MaxPool3d.init(_:stride:padding:dilation:ceilMode:)),
    "AvgPool1d": { a in
      one(
        AvgPool1d(
          try a.extents("kernel_size"), stride: try a.extents(ifPresent: "stride"), padding: try a.extents("padding", 0),
          ceilMode: try a.flag("ceil_mode", false), countIncludePad: try a.flag("count_include_pad", true)))
    },
    "AvgPool2d": avgPool(AvgPool2d.init(_:stride:padding:ceilMode:countIncludePad:divisorOverride:)),
    "AvgPool3d": avgPool(AvgPool3d.init(_:stride:padding:ceilMode:countIncludePad:divisorOverride:)),
    "LPPool1d": lpPool(LPPool1d.init(_:_:stride:ceilMode:)),
    "LPPool2d": lpPool(LPPool2d.init(_:_:stride:ceilMode:)),
    "LPPool3d": lpPool(LPPool3d.init(_:_:stride:ceilMode:)),
    "AdaptiveAvgPool1d": { a in one(AdaptiveAvgPool1d(try a.partialExtents("output_size"))) },
    "AdaptiveAvgPool2d": { a in one(AdaptiveAvgPool2d(try a.partialExtents("output_size"))) },
    "AdaptiveAvgPool3d": { a in one(AdaptiveAvgPool3d(try a.partialExtents("output_size"))) },
    "AdaptiveMaxPool1d": { a in
      let layer = AdaptiveMaxPool1d(try a.partialExtents("output_size"))
      return pooling(layer, returnsIndices: try a.flag("return_indices", false)) { layer.withIndices($0) }
    },
    "AdaptiveMaxPool2d": { a in
      let layer = AdaptiveMaxPool2d(try a.partialExtents("output_size"))
      return pooling(layer, returnsIndices: try a.flag("return_indices", false)) { layer.withIndices($0) }
    },
    "AdaptiveMaxPool3d": { a in
      let layer = AdaptiveMaxPool3d(try a.partialExtents("output_size"))
      return pooling(layer, returnsIndices: try a.flag("return_indices", false)) { layer.withIndices($0) }
    },
    "MaxUnpool1d": maxUnpool(MaxUnpool1d.init(_:stride:padding:)) { $0($1, $2, outputSize: $3) },
    "MaxUnpool2d": maxUnpool(MaxUnpool2d.init(_:stride:padding:)) { $0($1, $2, outputSize: $3) },
    "MaxUnpool3d": maxUnpool(MaxUnpool3d.init(_:stride:padding:)) { $0($1, $2, outputSize: $3) },
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

  private typealias Extents = any SpatialExtents

  private static func maxPool(
    _ make: @escaping @Sendable (Extents, Extents?, Extents, Extents, Bool) -> some MaxPoolLayer & Layer<Tensor, Tensor>
  ) -> Maker {
    { a in
      let layer = make(
        try a.extents("kernel_size"), try a.extents(ifPresent: "stride"), try a.extents("padding", 0), try a.extents("dilation", 1),
        try a.flag("ceil_mode", false))
      return pooling(layer, returnsIndices: try a.flag("return_indices", false)) { layer.withIndices($0) }
    }
  }

  private static func avgPool(
    _ make: @escaping @Sendable (Extents, Extents?, Extents, Bool, Bool, Int?) -> some Layer<Tensor, Tensor>
  ) -> Maker {
    { a in
      one(
        make(
          try a.extents("kernel_size"), try a.extents(ifPresent: "stride"), try a.extents("padding", 0), try a.flag("ceil_mode", false),
          try a.flag("count_include_pad", true), try a.integer(ifPresent: "divisor_override")))
    }
  }

  private static func lpPool(_ make: @escaping @Sendable (Double, Extents, Extents?, Bool) -> some Layer<Tensor, Tensor>) -> Maker {
    { a in
      one(make(try a.number("norm_type"), try a.extents("kernel_size"), try a.extents(ifPresent: "stride"), try a.flag("ceil_mode", false)))
    }
  }

  private static func maxUnpool<Unpool: Layer<(Tensor, Tensor), Tensor>>(
    _ make: @escaping @Sendable (Extents, Extents?, Extents) -> Unpool,
    _ call: @escaping @Sendable (Unpool, Tensor, Tensor, [Int]) -> Tensor
  ) -> Maker {
    { a in
      let layer = make(try a.extents("kernel_size"), try a.extents(ifPresent: "stride"), try a.extents("padding", 0))
      return MadeModule(module: layer) { arguments in
        let values = try arguments.tensor(0), indices = try arguments.tensor(1)
        guard let size = try arguments.integers(ifPresent: "output_size") else { return [.tensor(layer((values, indices)))] }
        return [.tensor(call(layer, values, indices, size))]
      }
    }
  }
}
