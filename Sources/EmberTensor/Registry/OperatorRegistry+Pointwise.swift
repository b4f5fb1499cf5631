import EmberRuntime

extension OperatorRegistry {
  /// Registers pointwise functions of one input under ATen's names: `exp` becomes `aten::exp(Tensor self) -> Tensor`.
  public mutating func addUnary(_ functions: KeyValuePairs<String, Pointwise>) {
    for (name, function) in functions {
      add("aten::\(name)(Tensor self) -> Tensor") { (x: Tensor) in function(x) }
    }
  }
}
