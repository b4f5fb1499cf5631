import EmberOperators
import EmberRuntime
import EmberTensor
import Testing

@testable import EmberConformance

/// Which arguments operators take, where PyTorch 2.15 was asked and its samples say nothing.
@Suite struct ArgumentRuleTests {
  private func result(_ name: String, _ arguments: [OperatorValue], _ named: KeyValuePairs<String, OperatorValue> = [:]) throws -> Tensor {
    try OperatorRegistry.standard.call(name, arguments, named)[0].tensors[0]
  }

  private func ones(_ shape: Int..., dtype: DType = .float32) -> OperatorValue { .tensor(Tensor.ones(shape, dtype: dtype)) }
  private func list(_ numbers: Int...) -> OperatorValue { .list(numbers.map { .integer($0) }) }

  @Test func theseAreRefused() {
    let calls: [(String, [OperatorValue])] = [
      // A length must be positive.
      ("aten::fft_fft", [ones(4), .integer(-1)]), ("aten::fft_hfft", [ones(4), .integer(0)]),
      // What is joined must fit.
      ("aten::diff", [ones(3, 3), .integer(1), .integer(0), ones()]), ("aten::diff", [ones(3, 3), .integer(0), .integer(1), ones(1, 3)]),
      // A tensor without dimensions has dimension 0, which is -1, once; and none for `unique`.
      ("aten::sum.dim_IntList", [ones(), list(0, -1)]), ("aten::amax", [ones(), list(0, 0)]), ("aten::unique_dim", [ones(), .integer(0)]),
      // Extents of 0 where only the batch may be empty.
      ("torch.nn.functional.max_pool1d", [ones(1, 0, 3), .integer(3)]), ("aten::avg_pool2d", [ones(1, 0, 3, 3), .integer(3)]),
      ("torch.nn.functional.adaptive_max_pool2d", [ones(1, 0, 3, 3), .integer(3)]),
      ("torch.nn.functional.interpolate", [ones(2, 0, 4), .integer(3)]),
      // No window fits, although the last one may stick out.
      ("torch.nn.functional.max_pool2d", [ones(1, 2, 3, 6), .integer(3), .integer(2), .integer(0), .integer(2), .bool(true)]),
      ("aten::conv3d.padding", [ones(1, 4, 4, 0), ones(1, 1, 1, 1, 1), .none, .integer(1), .string("same")]),
      ("aten::pixel_unshuffle", [ones(1, 1, 0, 4), .integer(-1)]), ("aten::unflatten.int", [ones(4, 0), .integer(0), list(2, 0, 0)]),
      ("aten::cosine_similarity", [ones(2, 2), ones(2, 2), .integer(1), .real(-1)]),
      // Shapes and dtypes of losses.
      ("torch.nn.functional.soft_margin_loss", [ones(5), ones(5, 5)]),
      ("torch.nn.functional.binary_cross_entropy", [ones(5), ones(5, dtype: .float64)]),
      ("torch.nn.functional.binary_cross_entropy", [ones(5, 5), ones(5, 5), ones(1, 5, 5)]),
      ("aten::bilinear", [ones(3), ones(4), ones(5, 3, 4), ones(5, dtype: .float16)]),
      ("torch.nn.functional.batch_norm", [ones(2, 3, 4), .none, .none, .none, .none, .bool(true), .real(0.1), .real(0)]),
      // Numbers that do not fit the dtype.
      ("torch.nn.functional.threshold", [ones(2, dtype: .int8), .integer(1), .real(300)]),
      ("torch.nn.functional.threshold", [ones(2, dtype: .int8), .integer(1), .real(.infinity)]),
      ("torch.nn.functional.threshold", [ones(2, dtype: .uint8), .integer(1), .real(-0.5)]),
      ("aten::softshrink", [ones(2), .real(.infinity)]),
      ("aten::index_select", [ones(3), .integer(0), .tensor(Tensor([0]).to(.int8))]),
      // Numbers whose products no integer holds, or no memory.
      ("torch.signal.windows.hann", [.integer(.max)]), ("aten::upsample_nearest1d", [ones(1, 3, 2), list(.max)]),
      ("aten::upsample_linear1d", [ones(1, 3, 2), list(1 << 50), .bool(false)]),
      ("aten::mvlgamma", [ones(), .integer(.max)]),
      ("aten::native_group_norm", [ones(0, 4), .none, .none, .integer(.max), .integer(2), .integer(4), .integer(1), .real(0.5)]),
    ]
    for (name, arguments) in calls {
      #expect(!OperatorRegistry.standard.overloads(of: name).isEmpty || OperatorRegistry.standard[name] != nil, "\(name)")
      #expect(throws: EmberError.self, "\(name) \(arguments.map(\.kind))") { try OperatorRegistry.standard.call(name, arguments) }
    }
  }

  @Test func theseAreTaken() throws {
    // Boundaries and values meet in one dtype.
    let boundaries = Tensor([1, 2, 3])
    #expect(try result("aten::searchsorted.Tensor", [.tensor(boundaries), .tensor(Tensor([1.5, 2.5]))]).elements(as: Int.self) == [1, 2])
    #expect(try result("aten::inner", [ones(dtype: .int8), ones(2, 2, dtype: .float16)]).dtype == .float16)
    // In a real dtype only the real parts of complex numbers count.
    let complex = Tensor.full([2], .complex(2, 1), dtype: .complex64)
    #expect(try result("aten::sum", [.tensor(complex)], ["dtype": .dtype(.float32)]).elements(as: Double.self) == [4])
    #expect(try result("aten::cumprod", [.tensor(complex), .integer(0)], ["dtype": .dtype(.float32)]).elements(as: Double.self) == [2, 4])
    #expect(try result("aten::nansum", [.tensor(Tensor([1, .nan]))], ["dtype": .dtype(.int64)]).elements(as: Int.self) == [1])
    // The one element of a tensor without dimensions, even if none is asked for.
    #expect(try result("aten::topk", [.tensor(Tensor.full([], 3.5)), .integer(0)]).elements(as: Double.self) == [3.5])
    #expect(try result("aten::bincount", [.tensor(Tensor.zeros([0], dtype: .int64)), ones(0), .integer(1)]).dtype == .int64)
    #expect(try result("torch.nn.functional.hardtanh", [ones(2), .real(.nan), .real(1)]).isNaN.all().item(as: Bool.self))
    #expect(try result("aten::adaptive_avg_pool1d", [ones(3, 8, 0), .integer(1)]).isNaN.all().item(as: Bool.self))
    #expect(
      try OperatorRegistry.standard.call("aten::equal", [.tensor(Tensor([1, 0])), .tensor(Tensor([1.0, 0]))])[0].scalar == .bool(true))
  }

  /// Gradients of what has no elements are zeros, not whatever lay in memory.
  @Test func gradientsOfNothing() throws {
    let a = Tensor.ones([1, 0, 2]).requiringGrad()
    let b = Tensor.ones([2, 1, 2]).requiringGrad()
    let distances = try result("torch.cdist", [.tensor(a), .tensor(b), .real(1)])
    #expect(grad(of: distances.sum(), with: b).elements(as: Double.self) == [0, 0, 0, 0])
    let x = Tensor.ones([1, 3, 0]).requiringGrad()
    #expect(grad(of: try result("aten::prod.dim_int", [.tensor(x), .integer(1)]).sum(), with: x).shape == [1, 3, 0])
    let m = Tensor.ones([1, 5, 0]).requiringGrad()
    #expect(grad(of: try result("aten::matmul", [.tensor(m), .tensor(Tensor.ones([0, 10]))]).sum(), with: m).shape == [1, 5, 0])
    let half = Tensor.full([3], 0.5, dtype: .complex32).requiringGrad()
    let windows = try result("aten::unfold_copy", [.tensor(half), .integer(0), .integer(2), .integer(1)])
    let gradient = grad(of: [windows], with: [half], gradients: [Tensor.full([2, 2], 1, dtype: .complex32)])[0]
    #expect(gradient.to(.complex64).real.elements(as: Double.self) == [1, 2, 1])
  }

  /// Every parameter of PyTorch's declarations is one of Ember's.
  @Test func everyParameterOfPyTorchsDeclarationsIsKnown() throws {
    let corpus = try Corpus(Repository.casesPath)
    let registry = OperatorRegistry.standard
    var seen = 0
    for entry in corpus.entries where entry.kind == "op" {
      for (name, parameters) in try corpus.signatures(of: entry) {
        // Overloads for Python's own numbers are no tensor operators; the arguments of `einsum` are spread.
        if name.hasSuffix(".int"), parameters.contains("a") || parameters.contains("x") || parameters.contains("real") { continue }
        if ["aten::ldexp", "torch.einsum"].contains(name) { continue }
        var candidates = registry[name].map { [$0] } ?? registry.overloads(of: name)
        for prefix in ["torch.nn.functional.", "torch.Tensor.", "torch."] where candidates.isEmpty && name.hasPrefix(prefix) {
          candidates = registry.overloads(of: "aten::" + String(name.dropFirst(prefix.count).map { $0 == "." ? "_" : $0 }))
        }
        seen += 1
        let isKnown = candidates.contains { candidate in
          Set(parameters).isSubset(of: candidate.schema.arguments.map(\.name))
        }
        #expect(isKnown, "\(name)(\(parameters.joined(separator: ", ")))")
      }
    }
    #expect(seen > 700)
  }
}
