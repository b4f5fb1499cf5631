import EmberFunctional
import EmberNN
import EmberRuntime
import EmberTensor

extension ModuleTable {
  static let layers: [String: Maker] = [
    "Identity": { _ in one(Identity()) },
    "Linear": { a in one(Linear(try a.size("in_features"), try a.size("out_features"), bias: try a.flag("bias", true))) },
    "LazyLinear": { a in one(LazyLinear(try a.size("out_features"), bias: try a.flag("bias", true))) },
    "Bilinear": { a in
      two(Bilinear(try a.size("in1_features"), try a.size("in2_features"), try a.size("out_features"), bias: try a.flag("bias", true)))
    },
    "Embedding": { a in
      a.ignore("sparse")
      let table = try a.tensor("_weight"), isFrozen = try a.flag("_freeze", false)
      let layer = Embedding(
        try a.size("num_embeddings"), try a.size("embedding_dim"), paddingIndex: try a.integer(ifPresent: "padding_idx"),
        maxNorm: try a.number(ifPresent: "max_norm"), normType: try a.number("norm_type", 2),
        scalesGradientByFrequency: try a.flag("scale_grad_by_freq", false))
      if let table { try layer.loadStateDict(["weight": table]) }
      layer.$weight.requiresGrad = !isFrozen
      return one(layer)
    },
    "EmbeddingBag": { a in
      a.ignore("sparse")
      let layer = EmbeddingBag(
        try a.size("num_embeddings"), try a.size("embedding_dim"), maxNorm: try a.number(ifPresent: "max_norm"),
        normType: try a.number("norm_type", 2), scalesGradientByFrequency: try a.flag("scale_grad_by_freq", false),
        mode: try a.choice("mode", .mean), includeLastOffset: try a.flag("include_last_offset", false),
        paddingIndex: try a.integer(ifPresent: "padding_idx"))
      if let table = try a.tensor("_weight") { try layer.loadStateDict(["weight": table]) }
      return MadeModule(module: layer) {
        [.tensor(layer(try $0.tensor(0), try $0.tensor("offsets"), perSampleWeights: try $0.tensor("per_sample_weights")))]
      }
    },
    "Flatten": { a in one(Flatten(start: try a.integer("start_dim", 1), end: try a.integer("end_dim", -1))) },
    "Unflatten": { a in one(Unflatten(try a.integer("dim"), try a.integers("unflattened_size") ?? [])) },
    "PixelShuffle": { a in one(PixelShuffle(try a.integer("upscale_factor"))) },
    "PixelUnshuffle": { a in one(PixelUnshuffle(try a.integer("downscale_factor"))) },
    "ChannelShuffle": { a in one(ChannelShuffle(try a.integer("groups"))) },
    "Fold": { a in
      one(
        Fold(
          try a.extents("output_size"), try a.extents("kernel_size"), dilation: try a.extents("dilation", 1),
          padding: try a.extents("padding", 0),
          stride: try a.extents("stride", 1)))
    },
    "Unfold": { a in
      one(
        Unfold(
          try a.extents("kernel_size"), dilation: try a.extents("dilation", 1), padding: try a.extents("padding", 0),
          stride: try a.extents("stride", 1)))
    },
    "Upsample": { a in
      one(
        Upsample(
          size: try a.extents(ifPresent: "size"), scaleFactor: try a.numbers("scale_factor"), mode: try a.choice("mode", .nearest),
          alignCorners: a.isGiven("align_corners") ? try a.flag("align_corners", false) : nil,
          recomputeScaleFactor: try a.flag("recompute_scale_factor", false)))
    },
    "UpsamplingNearest2d": { a in
      one(UpsamplingNearest2d(size: try a.extents(ifPresent: "size"), scaleFactor: try a.number(ifPresent: "scale_factor")))
    },
    "UpsamplingBilinear2d": { a in
      one(UpsamplingBilinear2d(size: try a.extents(ifPresent: "size"), scaleFactor: try a.number(ifPresent: "scale_factor")))
    },
    "CosineSimilarity": { a in two(CosineSimilarity(try a.integer("dim", 1), eps: try a.number("eps", 1e-8))) },
    "PairwiseDistance": { a in
      two(PairwiseDistance(try a.number("p", 2), eps: try a.number("eps", 1e-6), keepDim: try a.flag("keepdim", false)))
    },
    "Sequential": { a in one(Sequential(try a.modules("args"))) },
    "LayerNorm": { a in
      one(
        LayerNorm(
          try a.integers("normalized_shape") ?? [], eps: try a.number("eps", 1e-5),
          elementwiseAffine: try a.flag("elementwise_affine", true),
          bias: try a.flag("bias", true)))
    },
    "RMSNorm": { a in
      one(
        RMSNorm(
          try a.integers("normalized_shape") ?? [], eps: try a.number(ifPresent: "eps"),
          elementwiseAffine: try a.flag("elementwise_affine", true)))
    },
    "GroupNorm": { a in
      one(
        GroupNorm(
          try a.integer("num_groups"), try a.size("num_channels"), eps: try a.number("eps", 1e-5), affine: try a.flag("affine", true),
          bias: try a.flag("bias", true)))
    },
    "LocalResponseNorm": { a in
      one(
        LocalResponseNorm(
          try a.integer("size"), alpha: try a.number("alpha", 1e-4), beta: try a.number("beta", 0.75), k: try a.number("k", 1)))
    },
    "CrossMapLRN2d": { a in
      one(
        CrossMapLRN2d(
          try a.integer("size"), alpha: try a.number("alpha", 1e-4), beta: try a.number("beta", 0.75), k: try a.number("k", 1)))
    },
    "BatchNorm1d": batchNorm(BatchNorm1d.init(_:eps:momentum:affine:bias:trackRunningStats:dtype:on:)),
    "BatchNorm2d": batchNorm(BatchNorm2d.init(_:eps:momentum:affine:bias:trackRunningStats:dtype:on:)),
    "BatchNorm3d": batchNorm(BatchNorm3d.init(_:eps:momentum:affine:bias:trackRunningStats:dtype:on:)),
    "LazyBatchNorm1d": lazyBatchNorm(LazyBatchNorm1d.init(eps:momentum:affine:bias:trackRunningStats:dtype:on:)),
    "LazyBatchNorm2d": lazyBatchNorm(LazyBatchNorm2d.init(eps:momentum:affine:bias:trackRunningStats:dtype:on:)),
    "LazyBatchNorm3d": lazyBatchNorm(LazyBatchNorm3d.init(eps:momentum:affine:bias:trackRunningStats:dtype:on:)),
    "InstanceNorm1d": instanceNorm(InstanceNorm1d.init(_:eps:momentum:affine:bias:trackRunningStats:dtype:on:)),
    "InstanceNorm2d": instanceNorm(InstanceNorm2d.init(_:eps:momentum:affine:bias:trackRunningStats:dtype:on:)),
    "InstanceNorm3d": instanceNorm(InstanceNorm3d.init(_:eps:momentum:affine:bias:trackRunningStats:dtype:on:)),
    "LazyInstanceNorm1d": lazyInstanceNorm(LazyInstanceNorm1d.init(eps:momentum:affine:bias:trackRunningStats:dtype:on:)),
    "LazyInstanceNorm2d": lazyInstanceNorm(LazyInstanceNorm2d.init(eps:momentum:affine:bias:trackRunningStats:dtype:on:)),
    "LazyInstanceNorm3d": lazyInstanceNorm(LazyInstanceNorm3d.init(eps:momentum:affine:bias:trackRunningStats:dtype:on:)),
  ]

  private static func batchNorm(
    _ make: @escaping @Sendable (Int, Double, Double?, Bool, Bool, Bool, DType, Device) -> some BatchNormLayer & Layer<Tensor, Tensor>
  ) -> Maker {
    { a in
      let features = try a.size("num_features"), o = try a.normOptions(affine: true, tracks: true)
      return one(make(features, o.eps, o.momentum, o.affine, o.bias, o.tracks, .float32, .cpu))
    }
  }

  private static func lazyBatchNorm(
    _ make: @escaping @Sendable (Double, Double?, Bool, Bool, Bool, DType, Device) -> some BatchNormLayer & Layer<Tensor, Tensor>
  ) -> Maker {
    { a in
      let o = try a.normOptions(affine: true, tracks: true)
      return one(make(o.eps, o.momentum, o.affine, o.bias, o.tracks, .float32, .cpu))
    }
  }

  private static func instanceNorm(
    _ make: @escaping @Sendable (Int, Double, Double, Bool, Bool, Bool, DType, Device) -> some InstanceNormLayer & Layer<Tensor, Tensor>
  ) -> Maker {
    { a in
      let features = try a.size("num_features"), o = try a.normOptions(affine: false, tracks: false)
      return one(make(features, o.eps, try a.momentum(o), o.affine, o.bias, o.tracks, .float32, .cpu))
    }
  }

  private static func lazyInstanceNorm(
    _ make: @escaping @Sendable (Double, Double, Bool, Bool, Bool, DType, Device) -> some InstanceNormLayer & Layer<Tensor, Tensor>
  ) -> Maker {
    { a in
      let o = try a.normOptions(affine: false, tracks: false)
      return one(make(o.eps, try a.momentum(o), o.affine, o.bias, o.tracks, .float32, .cpu))
    }
  }
}

extension ModuleArguments {
  fileprivate typealias NormOptions = (eps: Double, momentum: Double?, affine: Bool, bias: Bool, tracks: Bool)

  fileprivate mutating func normOptions(affine: Bool, tracks: Bool) throws -> NormOptions {
    let momentum = isGiven("momentum") ? try number(ifPresent: "momentum") : 0.1
    return (
      try number("eps", 1e-5), momentum, try flag("affine", affine), try flag("bias", true), try flag("track_running_stats", tracks)
    )
  }

  fileprivate func momentum(_ options: NormOptions) throws -> Double {
    guard let momentum = options.momentum else { throw EmberError(.value, in: owner, "momentum must be a number") }
    return momentum
  }
}
