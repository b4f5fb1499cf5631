import EmberLinearAlgebra
import EmberRuntime
import EmberTensor

/// Products of matrices.
extension OperatorTable {
  mutating func addProducts() {
    add("MatMul") { call in
      let a = try call.tensor(0), b = try call.tensor(1)
      return a.wide.matmul(b.wide).to(a.dtype)
    }
    add("Gemm") { call in
      let given = try call.tensor(0), b = try call.tensor(1), c = try call.optionalTensor(2)
      let alpha = try call.double("alpha", 1), beta = try call.double("beta", 1)
      guard given.rank == 2, b.rank == 2 else { throw call.failure("\(describe(given)) and \(describe(b)) must be matrices", .shape) }
      let a = try call.flag("transA") ? given.mT : given, isTransposed = try call.flag("transB")
      if isTransposed, alpha == 1, beta == 1, c == nil || c?.rank == 1 && c?.shape[0] == b.shape[0], a.dtype.isFloatingPoint {
        return a.linear(b, c)
      }
      func scaled(_ x: Tensor, _ factor: Double) -> Tensor { factor == 1 ? x : (x * factor).to(x.dtype) }
      let product = scaled(a.wide.matmul(isTransposed ? b.mT.wide : b.wide), alpha)
      guard let c else { return product.to(a.dtype) }
      return (product + scaled(c.wide, beta)).to(a.dtype)
    }
    add("Einsum", since: 12) { call in
      let operands = try call.tensors()
      guard let first = operands.first else { throw call.failure("it needs at least one input") }
      let equation = try call.required(try call.string("equation"), "equation")
      return einsum(equation.filter { $0 != " " }, operands.map(\.wide)).to(first.dtype)
    }
    add("Det", since: 11) { call in
      let x = try call.tensor(0, minimumRank: 2)
      // Decompositions are of numbers of 32 bits and more.
      return Linalg.det(x.dtype.size < 4 ? x.to(.float32) : x).to(x.dtype)
    }
  }
}
