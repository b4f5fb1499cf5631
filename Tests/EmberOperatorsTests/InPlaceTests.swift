import EmberOperators
import EmberRuntime
import EmberTensor
import Testing

@testable import EmberConformance

/// ATen's in-place forms by name: they return what would have been written.
@Suite struct InPlaceTests {
  /// Wherever PyTorch's in-place form gives the same result, so does Ember's.
  @Test func everySampleGivesTheSameInPlace() throws {
    let corpus = try Corpus(Repository.casesPath)
    let registry = OperatorRegistry.standard
    var seen: Set<String> = []
    for entry in corpus.entries where entry.kind == "op" {
      for item in try corpus.cases(of: entry) where item.json["inplace"]?.flag == true {
        guard let schema = item.json["schema"]?.text, let plain = registry[schema], let call = try? item.operatorCall(schema) else {
          continue
        }
        let name = plain.schema.name + "_"
        guard !registry.overloads(of: name).isEmpty, case .tensor(let expected)? = try? plain.call([], call.arguments).first else {
          continue
        }
        guard case .tensor(let result)? = try registry.call(name, [], call.arguments).first else {
          Issue.record("\(item.id): \(name) gave no tensor")
          continue
        }
        seen.insert(name)
        let difference =
          result.dtype == expected.dtype && result.shape == expected.shape
          ? Comparison.difference(result, expected, (0, 0)) : "\(result.summary)"
        #expect(difference == nil, "\(item.id)")
      }
    }
    #expect(seen.count > 60, "\(seen.count) in-place forms")
  }

  @Test func whatDoesNotFitIsRefused() throws {
    let registry = OperatorRegistry.standard
    let x = Tensor([1.0, 2])
    let wide = Tensor([[1.0, 2], [3, 4]])
    #expect(try registry.call("aten::add_.Tensor", [.tensor(wide), .tensor(x)])[0].tensors[0].elements(as: Double.self) == [2, 4, 4, 6])
    // A result is written in self's dtype: truth values as numbers, float64 as float32.
    #expect(try registry.call("aten::gt_.Scalar", [.tensor(x), .real(1.5)])[0].tensors[0].dtype == .float32)
    #expect(try registry.call("aten::mul_.Tensor", [.tensor(x), .tensor(x.to(.float64))])[0].tensors[0].dtype == .float32)
    #expect(try registry.call("aten::t_", [.tensor(Tensor.zeros([2, 3]))])[0].tensors[0].shape == [3, 2])
    for (name, arguments) in [
      ("aten::add_.Tensor", [OperatorValue.tensor(x), .tensor(wide)]),
      ("aten::div_.Tensor", [.tensor(Tensor([1, 2])), .tensor(Tensor([1, 2]))]),
      ("aten::mul_.Scalar", [.tensor(x), .complex(0, 1)]), ("aten::exp_", [.tensor(Tensor.zeros([1]).expand([3]))]),
    ] {
      #expect(throws: EmberError.self, "\(name)") { try registry.call(name, arguments) }
    }
  }
}
