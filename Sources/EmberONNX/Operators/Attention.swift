import EmberFunctional
import EmberRuntime
import EmberTensor

/// Attention and what goes with it.
extension OperatorTable {
  mutating func addAttention() {
    add("Attention", since: 23, numbers: [6]) { call in try attention(call) }
    add("FlexAttention", domain: "ai.onnx.preview") { call in try flexibleAttention(call) }
    add("LinearAttention", since: 27) { call in try linearAttention(call) }
    add("RotaryEmbedding", since: 23) { call in try rotaryEmbedding(call) }
  }
}

/// Heads packed in the last dimension, [batch, length, heads · features], as [batch, heads, length, features].
private func unpacked(_ x: Tensor, _ heads: Int, _ call: OperatorCall) throws -> Tensor {
  guard x.rank == 3, heads > 0, x.shape[2] % heads == 0 else { throw call.failure("\(heads) heads of \(describe(x))", .shape) }
  return x.reshape([x.shape[0], x.shape[1], heads, x.shape[2] / heads]).transpose(1, 2)
}

private func packed(_ x: Tensor) -> Tensor { x.transpose(1, 2).reshape([x.shape[0], x.shape[2], x.shape[1] * x.shape[3]]) }

private func attention(_ call: OperatorCall) throws -> [Tensor?] {
  var query = try call.tensor(0), key = try call.tensor(1), value = try call.tensor(2)
  let isPacked = query.rank == 3
  if isPacked {
    let heads = try call.required(try call.int("q_num_heads"), "q_num_heads")
    let sharedHeads = try call.required(try call.int("kv_num_heads"), "kv_num_heads")
    query = try unpacked(query, heads, call)
    key = try unpacked(key, sharedHeads, call)
    value = try unpacked(value, sharedHeads, call)
  }
  let past = try call.optionalTensor(4)
  if let past { key = cat([past, key], dim: 2) }
  if let pastValue = try call.optionalTensor(5) { value = cat([pastValue, value], dim: 2) }
  guard query.rank == 4, key.rank == 4, value.rank == 4, key.shape[2] == value.shape[2], key.shape[1] > 0,
    query.shape[1] % key.shape[1] == 0
  else { throw call.failure("\(describe(query)), \(describe(key)), \(describe(value)) do not go together", .shape) }
  let presentKey = key, presentValue = value
  let dtype = query.dtype, queries = query.shape[2], keys = key.shape[2]
  let valid = try call.optionalInts(6)
  if let valid, valid.count != query.shape[0] {
    throw call.failure("\(valid.count) lengths for a batch of \(query.shape[0])", .shape)
  }

  // Which keys a query may see: by position, and by a mask that is added.
  let isCausal = try call.flag("is_causal"), left = try call.int("left_window_size", -1), right = try call.int("right_window_size", -1)
  var allowed: Tensor?
  func allow(_ more: Tensor) { allowed = allowed.map { $0.logicalAnd(more) } ?? more }
  if isCausal || left >= 0 || right >= 0 {
    var place = Tensor.arange(queries).unsqueeze(-1)
    if let past {
      place = place + past.shape[2]
    } else if let valid {
      place = place + Tensor(valid.map { $0 - queries }, shape: [valid.count, 1, 1, 1])
    }
    let distance = place - Tensor.arange(keys)
    if isCausal { allow(distance .>= 0) }
    if left >= 0 { allow(distance .<= left) }
    if right >= 0 { allow(distance .>= -right) }
  }
  if let valid { allow(Tensor.arange(keys) .< Tensor(valid, shape: [valid.count, 1, 1, 1])) }
  var bias: Tensor?
  if var mask = try call.optionalTensor(3) {
    let missing = keys - (mask.shape.last ?? 0)
    if mask.rank > 0, missing > 0 { mask = mask.pad([0, missing], value: mask.dtype == .bool ? false : .real(-.infinity)) }
    if mask.dtype == .bool { allow(mask) } else { bias = mask.to(dtype) }
  }

  if query.shape[1] != key.shape[1] {
    let repeats = query.shape[1] / key.shape[1]
    key = key.repeatInterleave(repeats, dim: 1)
    value = value.repeatInterleave(repeats, dim: 1)
  }
  let scale = try (call.double("scale") ?? 1 / Double(query.shape[3]).squareRoot()).squareRoot()
  let raw = (query * scale).matmul((key * scale).mT)
  let cap = try call.double("softcap", 0)
  let capped = cap > 0 ? (raw / cap).tanh() * cap : raw
  var scores = capped
  if let bias { scores = scores + bias }
  if let allowed { scores = scores.maskedFill(allowed.logicalNot(), .real(-.infinity)) }
  let precision = try call.elementType("softmax_precision")?.dtype ?? dtype
  var weights = scores.to(precision).softmax(-1)
  // A query that may see no key gets nothing.
  if bias != nil || allowed != nil {
    let hidden = Tensor.full([], .real(-.infinity), dtype: dtype)
    var whole = bias ?? Tensor.zeros([1, 1], dtype: dtype)
    if let allowed { whole = `where`(allowed, whole, hidden) }
    if whole.shape.last != keys { whole = whole.expand(Array(whole.shape.dropLast()) + [keys]) }
    if keys > 0 { weights = weights.maskedFill(whole.amax([-1], keepDim: true).isNegativeInfinity, 0) }
  }
  weights = weights.to(dtype)
  let output = weights.to(value.dtype).matmul(value).to(dtype)
  let shown: Tensor? =
    if !call.wants(3) { nil } else {
      switch try call.int("qk_matmul_output_mode", 0) {
      case 0: raw
      // Version 23 and 24 counted the two in between the other way round in places; the definition of version 25 holds.
      case 1: capped
      case 2: scores
      default: weights
      }
    }
  return [isPacked ? packed(output) : output, presentKey, presentValue, shown]
}

private func flexibleAttention(_ call: OperatorCall) throws -> Tensor {
  let query = try call.tensor(0)
  var key = try call.tensor(1), value = try call.tensor(2)
  guard query.rank == 4, key.rank == 4, value.rank == 4, key.shape[1] > 0, query.shape[1] % key.shape[1] == 0 else {
    throw call.failure("\(describe(query)), \(describe(key)), \(describe(value)) do not go together", .shape)
  }
  let repeats = query.shape[1] / key.shape[1]
  if repeats > 1 {
    key = key.repeatInterleave(repeats, dim: 1)
    value = value.repeatInterleave(repeats, dim: 1)
  }
  let precision = try call.elementType("softmax_precision")?.dtype ?? (query.dtype == .float64 ? .float64 : .float32)
  let scale = try call.double("scale") ?? 1 / Double(query.shape[3]).squareRoot()
  func modified(_ x: Tensor, _ name: String) throws -> Tensor {
    guard let graph = try call.graph(name) else { return x }
    guard case .tensor(let result)? = try call.evaluate(graph, [.tensor(x)]).first, result.shape == x.shape else {
      throw call.failure("the graph '\(name)' must give a tensor of its input's shape \(x.shape)", .shape)
    }
    return result
  }
  let scores = query.to(precision).matmul(key.to(precision).mT) * scale
  let weights = try modified(try modified(scores, "score_mod").softmax(-1), "prob_mod")
  return weights.to(query.dtype).matmul(value).to(query.dtype)
}

/// Katharopoulos et al., arXiv:2006.16236, and its gated and delta forms (Yang et al., arXiv:2412.06464), one step after the other.
private func linearAttention(_ call: OperatorCall) throws -> [Tensor?] {
  let heads = try call.required(try call.int("q_num_heads"), "q_num_heads")
  let sharedHeads = try call.required(try call.int("kv_num_heads"), "kv_num_heads")
  let given = try call.tensor(0), dtype = given.dtype
  let rule = try call.string("update_rule", oneOf: ["gated_delta", "linear", "gated", "delta"])
  guard sharedHeads > 0, heads % sharedHeads == 0 else { throw call.failure("\(heads) heads that share \(sharedHeads)", .shape) }
  let past = try call.optionalTensor(3)
  let precision: DType = dtype.size < 4 ? .float32 : dtype
  let query = try unpacked(given, heads, call).to(precision)
  let key = try unpacked(try call.tensor(1), sharedHeads, call).to(precision)
  let value = try unpacked(try call.tensor(2), sharedHeads, call).to(precision)
  let batch = query.shape[0], steps = query.shape[2], features = key.shape[3], width = value.shape[3]
  guard query.shape[3] == features, key.shape[2] == steps, value.shape[2] == steps else {
    throw call.failure("\(describe(query)), \(describe(key)), \(describe(value)) do not go together", .shape)
  }
  let isGated = rule.hasPrefix("gated"), isDelta = rule.hasSuffix("delta")
  // [batch, heads, time, features or 1]
  let decay = isGated ? try unpacked(try call.tensor(4), sharedHeads, call).to(precision).exp() : nil
  var rate: Tensor?
  if isDelta {
    let beta = try call.tensor(5).to(precision)
    guard beta.rank == 3, beta.shape[2] == sharedHeads || beta.shape[2] == 1 else { throw call.failure("rates \(describe(beta))", .shape) }
    rate = beta.transpose(1, 2).unsqueeze(-1)
  }
  let attributeScale = try call.double("scale", 0)
  let scale = attributeScale == 0 ? 1 / Double(features).squareRoot() : attributeScale
  var state = past?.to(precision) ?? Tensor.zeros([batch, sharedHeads, features, width], dtype: precision, on: given.device)
  var outputs: [Tensor] = []
  for t in 0..<steps {
    let k = key.select(2, t).unsqueeze(-1), v = value.select(2, t).unsqueeze(-2)
    if let decay { state = state * decay.select(2, t).unsqueeze(-1) }
    var change = v
    if let rate { change = (v - k.mT.matmul(state)) * rate.select(2, t).unsqueeze(-1) }
    state = state + k * change
    let shared = heads == sharedHeads ? state : state.repeatInterleave(heads / sharedHeads, dim: 1)
    outputs.append(query.select(2, t).unsqueeze(-2).matmul(shared) * scale)
  }
  let joined = outputs.isEmpty ? Tensor.zeros([batch, heads, 0, width], dtype: precision) : cat(outputs, dim: 2)
  return [packed(joined).to(dtype), state.to(past?.dtype ?? dtype)]
}

/// Su et al., RoFormer, arXiv:2104.09864.
private func rotaryEmbedding(_ call: OperatorCall) throws -> Tensor {
  let given = try call.tensor(0)
  let isPacked = given.rank == 3
  let x = isPacked ? try unpacked(given, try call.required(try call.int("num_heads"), "num_heads"), call) : given
  guard x.rank == 4 else { throw call.failure("\(describe(given)); it needs three or four dimensions", .shape) }
  let wanted = try call.int("rotary_embedding_dim", 0)
  let width = wanted == 0 ? x.shape[3] : wanted
  guard width > 0, width % 2 == 0, width <= x.shape[3] else { throw call.failure("\(width) features of \(describe(x)) to turn", .shape) }
  let places = try call.optionalTensor(3)
  func angles(_ i: Int) throws -> Tensor {
    let cache = try call.tensor(i)
    let picked = places.map { cache.index([$0.to(.int64)]) } ?? cache
    guard picked.rank == 3, picked.shape[2] == width / 2 else {
      throw call.failure("a cache \(describe(cache)), where \(width / 2) angles for each position are needed", .shape)
    }
    return picked.unsqueeze(1)
  }
  let cosine = try angles(1), sine = try angles(2)
  let turned = x.narrow(3, start: 0, length: width)
  let isInterleaved = try call.flag("interleaved")
  let first = isInterleaved ? turned.slice(3, step: 2) : turned.narrow(3, start: 0, length: width / 2)
  let second = isInterleaved ? turned.slice(3, start: 1, step: 2) : turned.narrow(3, start: width / 2, length: width / 2)
  let real = cosine * first - sine * second, imaginary = sine * first + cosine * second
  let joined = isInterleaved ? stack([real, imaginary], dim: -1).reshape(Array(turned.shape)) : cat([real, imaginary], dim: 3)
  let whole = width == x.shape[3] ? joined : cat([joined, x.narrow(3, start: width, length: x.shape[3] - width)], dim: 3)
  return isPacked ? packed(whole) : whole
}
