import CEmberLinearAlgebra
import EmberCUDA
import EmberRuntime
import EmberTensor

/// A = P·L·U with partial pivoting: L and U in one matrix, pivots (int32, from 1), info.
struct LUFactor: VariadicOperation {
  static let name = "linalg.lu_factor"
  let saved: SavedTensors = [.output(0), .output(1)]
  var undifferentiableOutputs: Set<Int> { [1, 2] }

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let a = inputs[0]!
    try checkMatrices(Self.name, a)
    let factors = try columnMajorCopy(a)
    let k = min(a.shape[-1], a.shape[-2])
    let pivots = try Tensor.empty(shape: batchShape(a).appending(k), dtype: .int32, like: a)
    let info = try zeroInfo(a)
    if let kernel = try kernels(for: a), a.elementCount > 0 { try kernel.lu(factors, pivots: pivots, info: info) }
    return [noGrad { factors.mT }, pivots, info]
  }

  /// With M = L⁻¹Pᵀ·dA·U⁻¹: dL = L·tril(M, -1) and dU = triu(M)·U; what is wider or taller than square hangs on that.
  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let g = gradients[0] else { return [nil] }
    let lu = context.output(0)
    let pivots = context.output(1)
    let (m, n) = (lu.size(-2), lu.size(-1))
    let k = min(m, n)
    if lu.elementCount == 0 { return [Tensor.zeros(like: lu)] }
    let l1 = lu.narrow(-2, start: 0, length: k).narrow(-1, start: 0, length: k)
    let u1 = l1
    let g1 = g.narrow(-2, start: 0, length: k).narrow(-1, start: 0, length: k)
    let l = l1.lowerPart(-1) + l1.identity(k)
    let u = u1.upperPart()
    var lower = l.mH.matmul(g1.lowerPart(-1))
    var upper = g1.upperPart().matmul(u.mH)
    var rest: Tensor?
    if m > k {
      let l2 = lu.narrow(-2, start: k, length: m - k)
      let gl2 = g.narrow(-2, start: k, length: m - k)
      upper = upper - l2.mH.matmul(gl2)
      rest = Linalg.solveTriangular(u.mH, gl2, upper: false, left: false)
    }
    if n > k {
      let u2 = lu.narrow(-1, start: k, length: n - k)
      let gu2 = g.narrow(-1, start: k, length: n - k)
      lower = lower - gu2.matmul(u2.mH)
      rest = gu2
    }
    let middle = Linalg.solveTriangular(u.mH, lower.lowerPart(-1) + upper.upperPart(), upper: false, left: false)
    func leftSolved(_ x: Tensor) -> Tensor { Linalg.solveTriangular(l.mH, x, upper: true, unitriangular: true) }
    let permuted: Tensor
    if let rest, m > k {
      permuted = cat([leftSolved(middle), rest], dim: -2)
    } else if let rest {
      permuted = leftSolved(cat([middle, rest], dim: -1))
    } else {
      permuted = leftSolved(middle)
    }
    return [compose(Self.name, [permuted]) { () throws(EmberError) in permutedRows(permuted, inverse(try rowOrder(pivots, m))) }]
  }
}

/// The order in which pivots put the rows of matrices with n rows: row i of L·U is row order[i] of A.
func rowOrder(_ pivots: Tensor, _ n: Int) throws(EmberError) -> Tensor {
  let order = try Tensor.empty(shape: Shape(pivots.shape.dropLast()).appending(n), dtype: .int64, like: pivots)
  guard pivots.backend.holdsData, order.elementCount > 0 else { return order }
  let source = try pivots.to(.int32).dense()
  if let backend = order.backend as? CUDABackend {
    backend.pivotOrder(source.operand, rows: n, into: order.operand)
    return order
  }
  let isValid = withExtendedLifetime(source) {
    ember_pivots_to_order(
      Int64(order.elementCount / n), Int64(pivots.shape[-1]), Int64(n), source.operand.pointer?.assumingMemoryBound(to: Int32.self),
      order.operand.pointer?.assumingMemoryBound(to: Int64.self))
  }
  if !isValid { throw EmberError(.index, in: "linalg", "pivots must lie between 1 and \(n), the number of rows") }
  return order
}

func inverse(_ order: Tensor) -> Tensor { noGrad { order.argsort(-1) } }

/// The rows order[0], order[1], … of every matrix.
func permutedRows(_ x: Tensor, _ order: Tensor) -> Tensor {
  if x.isPoisoned || x.elementCount == 0 { return x }
  return x.gather(dim: -2, index: order.expand(Array(x.shape.dropLast())).unsqueeze(-1).expand(Array(x.shape)).contiguous())
}

extension Linalg {
  private static func checkPivot(_ name: String, _ pivot: Bool) throws(EmberError) {
    if !pivot { throw EmberError(.unsupported, in: name, "LU without pivoting does not exist on the CPU; it would not be stable") }
  }

  /// L and U of A = P·L·U in one matrix, the pivots (int32, counted from 1), and info, which is i where U's element i is zero.
  public static func luFactorEx(
    _ a: Tensor, pivot: Bool = true, checkErrors: Bool = false
  ) -> (factors: Tensor, pivots: Tensor, info: Tensor) {
    let all = compose("linalg.lu_factor", count: 3, [a]) { () throws(EmberError) in
      try checkPivot("linalg.lu_factor", pivot)
      let all = apply(LUFactor(), [a], count: 3)
      if checkErrors { try checkInfo("linalg.lu_factor", all[2]) { "U is singular: element \($0) of its diagonal is zero" } }
      return all
    }
    return (all[0], all[1], all[2])
  }

  /// As `luFactorEx`; fails if a matrix is singular.
  public static func luFactor(_ a: Tensor, pivot: Bool = true) -> (factors: Tensor, pivots: Tensor) {
    let (factors, pivots, _) = luFactorEx(a, pivot: pivot, checkErrors: true)
    return (factors, pivots)
  }

  /// P, L and U with A = P·L·U.
  public static func lu(_ a: Tensor, pivot: Bool = true) -> (p: Tensor, l: Tensor, u: Tensor) {
    let (factors, pivots, _) = luFactorEx(a, pivot: pivot)
    return luUnpack(factors, pivots)
  }

  /// P, L and U from what `luFactor` gave; empty tensors where a part is not wanted.
  public static func luUnpack(
    _ factors: Tensor, _ pivots: Tensor, unpackData: Bool = true, unpackPivots: Bool = true
  ) -> (p: Tensor, l: Tensor, u: Tensor) {
    let all = composeMemberwise("lu_unpack", count: 3, [factors, pivots]) { inputs throws(EmberError) in
      let (factors, pivots) = (inputs[0]!, inputs[1]!)
      guard factors.rank >= 2, pivots.dtype == .int32 else {
        throw EmberError(.dtype, in: "lu_unpack", "factors \(factors.summary) must be matrices, and pivots \(pivots.summary) int32")
      }
      let (m, n) = (factors.shape[-2], factors.shape[-1])
      let k = min(m, n)
      let nothing = Tensor.empty([0], dtype: factors.dtype, on: factors.device)
      var (p, l, u) = (nothing, nothing, nothing)
      if unpackPivots {
        guard pivots.shape == batchShape(factors).appending(k) else {
          throw EmberError(.shape, in: "lu_unpack", "pivots \(pivots.summary) do not belong to factors \(factors.summary)")
        }
        // P has a one at [order[i], i].
        let rows = Tensor.arange(m, on: factors.device).unsqueeze(1)
        p = (rows .== (try rowOrder(pivots, m)).unsqueeze(-2)).to(factors.dtype)
      }
      if unpackData {
        let left = factors.narrow(-1, start: 0, length: k)
        l = left.lowerPart(-1) + Tensor.eye(m, k, dtype: factors.dtype, on: factors.device)
        u = factors.narrow(-2, start: 0, length: k).upperPart()
      }
      return [p, l, u]
    }
    return (all[0], all[1], all[2])
  }
}

extension OperatorRegistry {
  mutating func addLU() {
    add("aten::linalg_lu_factor(Tensor A, *, bool pivot=True) -> (Tensor LU, Tensor pivots)") { (a: Tensor, pivot: Bool) in
      let (factors, pivots) = Linalg.luFactor(a, pivot: pivot)
      return (factors, pivots)
    }
    add(
      "aten::linalg_lu_factor_ex(Tensor A, *, bool pivot=True, bool check_errors=False) -> (Tensor LU, Tensor pivots, Tensor info)"
    ) { (a: Tensor, pivot: Bool, check: Bool) in
      let (factors, pivots, info) = Linalg.luFactorEx(a, pivot: pivot, checkErrors: check)
      return (factors, pivots, info)
    }
    add("aten::_lu_with_info(Tensor self, bool pivot=True, bool check_errors=True) -> (Tensor LU, Tensor pivots, Tensor info)") {
      (a: Tensor, pivot: Bool, check: Bool) in
      let (factors, pivots, info) = Linalg.luFactorEx(a, pivot: pivot, checkErrors: check)
      return (factors, pivots, info)
    }
    add("torch.lu(Tensor A, bool pivot=True, bool get_infos=False, Any? out=None) -> Any") {
      (a: Tensor, pivot: Bool, getInfo: Bool, _: OperatorValue) in
      let (factors, pivots, info) = Linalg.luFactorEx(a, pivot: pivot, checkErrors: !getInfo)
      return OperatorValue.list([.tensor(factors), .tensor(pivots)] + (getInfo ? [.tensor(info)] : []))
    }
    add("aten::linalg_lu(Tensor A, *, bool pivot=True) -> (Tensor P, Tensor L, Tensor U)") { (a: Tensor, pivot: Bool) in
      let (p, l, u) = Linalg.lu(a, pivot: pivot)
      return (p, l, u)
    }
    add(
      "aten::lu_unpack(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True) -> (Tensor P, Tensor L, Tensor U)"
    ) { (factors: Tensor, pivots: Tensor, data: Bool, unpackPivots: Bool) in
      let (p, l, u) = Linalg.luUnpack(factors, pivots, unpackData: data, unpackPivots: unpackPivots)
      return (p, l, u)
    }
  }
}
