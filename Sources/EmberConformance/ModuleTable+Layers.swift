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
      return one(
        Embedding(
          try a.size("num_embeddings"), try a.size("embedding_dim"), paddingIndex: try a.integer(ifPresent: "padding_idx"),
          maxNorm: try a.number(ifPresent: "max_norm"), normType: try a.number("norm_type", 2),
          scalesGradientByFrequency: try a.flag("scale_grad_by_freq", false)))
    },
    "EmbeddingBag": { a in
      a.ignore("sparse")
      let layer = EmbeddingBag(
        try a.size("num_embeddings"), try a.size("embedding_dim"), maxNorm: try a.number(ifPresent: "max_norm"),
        normType: try a.number("norm_type", 2), scalesGradientByFrequency: try a.flag("scale_grad_by_freq", false),
        mode: try a.choice("mode", .mean), includeLastOffset: try a.flag("include_last_offset", false),
        paddingIndex: try a.integer(ifPresent: "padding_idx"))
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
          try a.extents("output_size"), try a.extents("kernel_size"), dilation: try a.extents("dilation", 1), padding: try a.extents("padding", 0),
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
          try a.integers("normalized_shape") ?? [], eps: try a.number("eps", 1e-5), elementwiseAffine: try a.flag("elementwise_affine", true),
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
      one(LocalResponseNorm(try a.integer("size"), alpha: try a.number("alpha", 1e-4), beta: try a.number("beta", 0.75), k: try a.number("k", 1)))
    },
    "BatchNorm1d": { a in
      let momentum = a.isGiven("momentum") ? try a.number(ifPresent: "momentum") : 0.1
      return one(
        BatchNorm1d(
          try a.size("num_features"), eps: try a.number("eps", 1e-5), momentum: momentum, affine: try a.flag("affine", true),
          trackRunningStats: try a.flag("track_running_stats", true)))
    },
    "InstanceNorm1d": { a in
      one(
        InstanceNorm1d(
          try a.size("num_features"), eps: try a.number("eps", 1e-5), momentum: try a.number("momentum", 0.1), affine: try a.flag("affine", false), bias: try a.flag("bias", true),
          trackRunningStats: try a.flag("track_running_stats", false)))
    },
    "LazyBatchNorm1d": { a in
      let momentum = a.isGiven("momentum") ? try a.number(ifPresent: "momentum") : 0.1
      return one(
        LazyBatchNorm1d(
          eps: try a.number("eps", 1e-5), momentum: momentum, affine: try a.flag("affine", true),
          trackRunningStats: try a.flag("track_running_stats", true)))
    },
    "LazyInstanceNorm1d": { a in
      one(
        LazyInstanceNorm1d(
          eps: try a.number("eps", 1e-5), momentum: try a.number("momentum", 0.1), affine: try a.flag("affine", false),
          trackRunningStats: try a.flag("track_running_stats", false)))
    },
    "BatchNorm2d": { a in
      let momentum = a.isGiven("momentum") ? try a.number(ifPresent: "momentum") : 0.1
      return one(
        BatchNorm2d(
          try a.size("num_features"), eps: try a.number("eps", 1e-5), momentum: momentum, affine: try a.flag("affine", true),
          trackRunningStats: try a.flag("track_running_stats", true)))
    },
    "InstanceNorm2d": { a in
      one(
        InstanceNorm2d(
          try a.size("num_features"), eps: try a.number("eps", 1e-5), momentum: try a.number("momentum", 0.1), affine: try a.flag("affine", false), bias: try a.flag("bias", true),
          trackRunningStats: try a.flag("track_running_stats", false)))
    },
    "LazyBatchNorm2d": { a in
      let momentum = a.isGiven("momentum") ? try a.number(ifPresent: "momentum") : 0.1
      return one(
        LazyBatchNorm2d(
          eps: try a.number("eps", 1e-5), momentum: momentum, affine: try a.flag("affine", true),
          trackRunningStats: try a.flag("track_running_stats", true)))
    },
    "LazyInstanceNorm2d": { a in
      one(
        LazyInstanceNorm2d(
          eps: try a.number("eps", 1e-5), momentum: try a.number("momentum", 0.1), affine: try a.flag("affine", false),
          trackRunningStats: try a.flag("track_running_stats", false)))
    },
    "BatchNorm3d": { a in
      let momentum = a.isGiven("momentum") ? try a.number(ifPresent: "momentum") : 0.1
      return one(
        BatchNorm3d(
          try a.size("num_features"), eps: try a.number("eps", 1e-5), momentum: momentum, affine: try a.flag("affine", true),
          trackRunningStats: try a.flag("track_running_stats", true)))
    },
    "InstanceNorm3d": { a in
      one(
        InstanceNorm3d(
          try a.size("num_features"), eps: try a.number("eps", 1e-5), momentum: try a.number("momentum", 0.1), affine: try a.flag("affine", false), bias: try a.flag("bias", true),
          trackRunningStats: try a.flag("track_running_stats", false)))
    },
    "LazyBatchNorm3d": { a in
      let momentum = a.isGiven("momentum") ? try a.number(ifPresent: "momentum") : 0.1
      return one(
        LazyBatchNorm3d(
          eps: try a.number("eps", 1e-5), momentum: momentum, affine: try a.flag("affine", true),
          trackRunningStats: try a.flag("track_running_stats", true)))
    },
    "LazyInstanceNorm3d": { a in
      one(
        LazyInstanceNorm3d(
          eps: try a.number("eps", 1e-5), momentum: try a.number("momentum", 0.1), affine: try a.flag("affine", false),
          trackRunningStats: try a.flag("track_running_stats", false)))
    },
  ]
}
