import EmberOperators
import EmberRuntime
import EmberTensor
import Testing

@Suite struct SchemaTests {
  @Test func declarationsAreRead() throws {
    let schema = try OperatorSchema(
      "aten::sum.dim_IntList(Tensor(a!) self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> (Tensor values, Tensor[])")
    #expect(schema.qualifiedName == "aten::sum.dim_IntList")
    #expect(schema.name == "aten::sum")
    #expect(schema.arguments.map(\.name) == ["self", "dim", "keepdim", "dtype"])
    #expect(schema.arguments.map(\.kind.description) == ["Tensor", "int[1]?", "bool", "ScalarType?"])
    #expect(schema.arguments.map(\.isKeywordOnly) == [false, false, false, true])
    #expect(schema.results.map(\.name) == ["values", ""])
    #expect(try OperatorSchema("torch.fft.fft(Tensor input, int? n=None) -> Tensor").name == "torch.fft.fft")
    for bad in ["", "aten::f", "aten::f(", "aten::f(Tensor)", "aten::f() -> ", "aten::f(int x=) -> Tensor", "aten::f() -> Tensor )"] {
      #expect(throws: EmberError.self) { try OperatorSchema(bad) }
    }
  }

  @Test func operatorsAreCalledByName() throws {
    let registry = OperatorRegistry.standard
    let x = Tensor([1.0, 2.0] as [Float]), y = Tensor([3.0, 5.0] as [Float])
    let named = try registry.call("aten::add.Tensor", [.tensor(x), .tensor(y)], ["alpha": .integer(2)])
    #expect(named[0].tensors[0].elements(as: Float.self) == [7, 12])
    // By its name alone: the overload that takes the arguments.
    let chosen = try registry.call("aten::sum", [.tensor(x), .list([.integer(0)])], ["keepdim": .bool(true)])
    #expect(chosen[0].tensors[0].shape == [1])
    for (arguments, text) in [
      ([OperatorValue.tensor(x)], "argument other is missing"), ([.tensor(x), .string("y")], "argument other must be Tensor, not str"),
      ([.tensor(x), .tensor(y), .integer(1)], "too many"),
    ] {
      do {
        _ = try registry.call("aten::add.Tensor", arguments)
        Issue.record("accepted")
      } catch { #expect("\(error)".contains(text)) }
    }
    #expect(throws: EmberError.self) { try registry.call("aten::nonsense", []) }
  }
}
