import EmberFunctional
import EmberRuntime
import EmberTensor

/// What PyTorch's transformer modules call where they neither train nor need gradients: a layer, or its attention, as one function.
extension Builtins {
  static func addAttention(_ table: inout [String: Builtin]) {
    table["aten::_native_multi_head_attention"] = { arguments, _ in
      // (query, key, value, embed_dim, num_head, qkv_weight, qkv_bias, proj_weight, proj_bias, mask, need_weights, average_attn_weights, mask_type)
      guard arguments.count >= 9 else { return nil }
      let inputs = try (0..<3).map { try arguments.tensor($0) }, parameters = try (5..<9).map { try arguments.tensor($0) }
      let heads = try arguments.positional[4].integer("num_head")
      let needsWeights = try arguments.optional(10)?.isTrue ?? true, averages = try arguments.optional(11)?.isTrue ?? true
      let mask = try mask(arguments, 9, 12)
      var weights: Tensor?
      let result = try catchingErrors {
        let (y, all) = try attention(inputs, heads, parameters, mask, needsWeights: needsWeights)
        weights = averages ? all?.mean(1) : all
        return y
      }
      return .tuple(try ScriptTuple([.tensor(TensorReference(result)), weights.map { .tensor(TensorReference($0)) } ?? .none]))
    }
    table["aten::_transformer_encoder_layer_fwd"] = { arguments, _ in
      // (src, embed_dim, num_heads, qkv_weight, qkv_bias, proj_weight, proj_bias, use_gelu, norm_first, eps, norm_weight_1, norm_bias_1,
      //  norm_weight_2, norm_bias_2, ffn_weight_1, ffn_bias_1, ffn_weight_2, ffn_bias_2, mask, mask_type)
      guard arguments.count >= 18 else { return nil }
      let x = try arguments.tensor(0), heads = try arguments.positional[2].integer("num_heads")
      let projections = try (3..<7).map { try arguments.tensor($0) }, norms = try (10..<14).map { try arguments.tensor($0) }
      let feedForward = try (14..<18).map { try arguments.tensor($0) }
      let usesGELU = try arguments.flag(7), normalizesFirst = try arguments.flag(8), epsilon = arguments.real(9, 1e-5)
      let mask = try mask(arguments, 18, 19)
      return try made {
        func normalized(_ x: Tensor, _ first: Int) -> Tensor {
          x.layerNorm([x.size(-1)], weight: norms[first], bias: norms[first + 1], eps: epsilon)
        }
        func forward(_ x: Tensor) -> Tensor {
          let wide = x.linear(feedForward[0], feedForward[1])
          return (usesGELU ? wide.gelu() : wide.relu()).linear(feedForward[2], feedForward[3])
        }
        func attended(_ x: Tensor) throws -> Tensor { try attention([x, x, x], heads, projections, mask, needsWeights: false).result }
        if normalizesFirst {
          let y = try x + attended(normalized(x, 0))
          return y + forward(normalized(y, 2))
        }
        let y = try normalized(x + attended(x), 0)
        return normalized(y + forward(y), 2)
      }
    }
    // Padded sequences stay padded: what the padding holds is computed too, and nobody reads it.
    table["aten::_nested_tensor_from_mask_left_aligned"] = { _, _ in .bool(false) }
  }

  /// A mask in a shape that broadcasts to [batch, heads, queries, keys], true where a key is hidden. Other numbers than 0 hide as well.
  private static func mask(_ arguments: Arguments, _ position: Int, _ typePosition: Int) throws -> Tensor? {
    guard let mask = try arguments.optionalTensor(position) else { return nil }
    let type = try arguments.optional(typePosition)?.integer("mask_type") ?? (mask.rank == 4 ? 2 : 0)
    return try catchingErrors {
      let hidden = mask.dtype == .bool ? mask : mask .!= 0
      // 0: [queries, keys], 1: [batch, keys], 2: all of it.
      return type == 1 && hidden.rank == 2 ? hidden.unsqueeze(1).unsqueeze(1) : hidden
    }
  }

  /// Attention of query, key and value [batch, time, features]; weights are [batch, heads, queries, keys].
  ///
  /// - Parameter parameters: weight and bias of the three projections together, [3 · features, features], and of the last one.
  private static func attention(
    _ inputs: [Tensor], _ heads: Int, _ parameters: [Tensor], _ mask: Tensor?, needsWeights: Bool
  ) throws -> (result: Tensor, weights: Tensor?) {
    let features = inputs[0].size(-1)
    guard inputs.allSatisfy({ $0.rank == 3 && $0.size(2) == features }), heads > 0, features % heads == 0,
      parameters[0].shape == Shape([3 * features, features]), parameters[1].shape == Shape([3 * features])
    else {
      throw ScriptFailure(
        .shape,
        "attention of \(heads) heads with the weight \(parameters[0].summary) on \(inputs.map(\.summary).joined(separator: ", ")); "
          + "inputs must be [batch, time, features], the weight [3 · features, features]")
    }
    let parts = inputs.enumerated().map { i, x in
      let own = x.linear(
        parameters[0].narrow(0, start: i * features, length: features), parameters[1].narrow(0, start: i * features, length: features))
      return own.reshape([x.size(0), x.size(1), heads, features / heads]).transpose(1, 2)
    }
    let result: Tensor, weights: Tensor?
    if needsWeights || mask != nil {
      var scores = (parts[0] / Double(features / heads).squareRoot()).matmul(parts[1].transpose(-2, -1))
      if let mask { scores = scores.maskedFill(mask, .real(-.infinity)) }
      var found = scores.softmax(-1)
      // A query that sees no key gets zeros.
      if let mask { found = found.maskedFill(mask, 0) }
      (result, weights) = (found.matmul(parts[2]), found)
    } else {
      (result, weights) = (parts[0].scaledDotProductAttention(parts[1], parts[2]), nil)
    }
    let joined = result.transpose(1, 2).reshape([inputs[0].size(0), inputs[0].size(1), features])
    return (joined.linear(parameters[2], parameters[3]), needsWeights ? weights : nil)
  }
}
