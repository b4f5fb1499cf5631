import EmberFunctional
import EmberNN
import EmberRuntime
import EmberTensor

extension ModuleTable {
  static let activations: [String: Maker] = [
    "ReLU": { a in
      a.ignore("inplace")
      return one(ReLU())
    },
    "ReLU6": { a in
      a.ignore("inplace")
      return one(ReLU6())
    },
    "SELU": { a in
      a.ignore("inplace")
      return one(SELU())
    },
    "SiLU": { a in
      a.ignore("inplace")
      return one(SiLU())
    },
    "Mish": { a in
      a.ignore("inplace")
      return one(Mish())
    },
    "Hardsigmoid": { a in
      a.ignore("inplace")
      return one(Hardsigmoid())
    },
    "Hardswish": { a in
      a.ignore("inplace")
      return one(Hardswish())
    },
    "Sigmoid": { _ in one(Sigmoid()) },
    "Tanh": { _ in one(Tanh()) },
    "LogSigmoid": { _ in one(LogSigmoid()) },
    "Softsign": { _ in one(Softsign()) },
    "Tanhshrink": { _ in one(Tanhshrink()) },
    "Softmax2d": { _ in one(Softmax2d()) },
    "ELU": { a in
      a.ignore("inplace")
      return one(ELU(alpha: try a.number("alpha", 1)))
    },
    "CELU": { a in
      a.ignore("inplace")
      return one(CELU(alpha: try a.number("alpha", 1)))
    },
    "GELU": { a in
      return one(GELU(approximate: try a.choice("approximate", .none)))
    },
    "GLU": { a in
      return one(GLU(try a.integer("dim", -1)))
    },
    "Hardshrink": { a in
      return one(Hardshrink(try a.number("lambd", 0.5)))
    },
    "Softshrink": { a in
      return one(Softshrink(try a.number("lambd", 0.5)))
    },
    "Hardtanh": { a in
      a.ignore("inplace")
      return one(Hardtanh(minValue: try a.number("min_val", -1), maxValue: try a.number("max_val", 1)))
    },
    "LeakyReLU": { a in
      a.ignore("inplace")
      return one(LeakyReLU(negativeSlope: try a.number("negative_slope", 0.01)))
    },
    "PReLU": { a in
      return one(PReLU(try a.size(ifPresent: "num_parameters") ?? 1, initial: try a.number("init", 0.25)))
    },
    "RReLU": { a in
      a.ignore("inplace")
      return one(RReLU(lower: try a.number("lower", 1.0 / 8), upper: try a.number("upper", 1.0 / 3)))
    },
    "Softplus": { a in
      return one(Softplus(beta: try a.number("beta", 1), threshold: try a.number("threshold", 20)))
    },
    "Threshold": { a in
      a.ignore("inplace")
      return one(Threshold(try a.number("threshold"), try a.number("value")))
    },
    "Softmax": { a in
      // Without a dimension PyTorch chooses one by the input's rank, with a warning.
      let dimension = try a.integer(ifPresent: "dim")
      let layer = Softmax(dimension ?? 1)
      guard dimension == nil else { return one(layer) }
      return MadeModule(module: layer) { [.tensor(Softmax(try implicitDimension($0.tensor(0)))(try $0.tensor(0)))] }
    },
    "LogSoftmax": { a in
      // Without a dimension PyTorch chooses one by the input's rank, with a warning.
      let dimension = try a.integer(ifPresent: "dim")
      let layer = LogSoftmax(dimension ?? 1)
      guard dimension == nil else { return one(layer) }
      return MadeModule(module: layer) { [.tensor(LogSoftmax(try implicitDimension($0.tensor(0)))(try $0.tensor(0)))] }
    },
    "Softmin": { a in
      // Without a dimension PyTorch chooses one by the input's rank, with a warning.
      let dimension = try a.integer(ifPresent: "dim")
      let layer = Softmin(dimension ?? 1)
      guard dimension == nil else { return one(layer) }
      return MadeModule(module: layer) { [.tensor(Softmin(try implicitDimension($0.tensor(0)))(try $0.tensor(0)))] }
    },
    "Dropout": { a in try dropout(&a) { one(Dropout($0)) } },
    "Dropout1d": { a in try dropout(&a) { one(Dropout1d($0)) } },
    "Dropout2d": { a in try dropout(&a) { one(Dropout2d($0)) } },
    "Dropout3d": { a in try dropout(&a) { one(Dropout3d($0)) } },
    "AlphaDropout": { a in try dropout(&a) { one(AlphaDropout($0)) } },
    "FeatureAlphaDropout": { a in try dropout(&a) { one(FeatureAlphaDropout($0)) } },
  ]

  private static func implicitDimension(_ x: Tensor) -> Int { [0, 1, 3].contains(x.rank) ? 0 : 1 }

  private static func dropout(_ a: inout ModuleArguments, _ make: (Double) -> MadeModule) throws -> MadeModule {
    a.ignore("inplace")
    return make(try a.number("p", 0.5))
  }
}
