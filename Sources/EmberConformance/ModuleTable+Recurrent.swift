import EmberFunctional
import EmberNN
import EmberRuntime
import EmberTensor

extension ModuleTable {
  static let recurrent: [String: Maker] = [
    "RNN": { a in
      try a.refuseProjection()
      let layer = RNN(
        try a.integer("input_size"), try a.integer("hidden_size"), numLayers: try a.integer("num_layers", 1),
        nonlinearity: try a.choice("nonlinearity", .tanh), bias: try a.flag("bias", true), batchFirst: try a.flag("batch_first", false),
        dropout: try a.number("dropout", 0), bidirectional: try a.flag("bidirectional", false))
      return MadeModule(module: layer) { arguments in
        if arguments.isPacked { return packed(layer(arguments.packedSequence(0), try arguments.tensor("hx"))) }
        let result = layer(try arguments.tensor(0), try arguments.tensor("hx"))
        return [.tensor(result.output), .tensor(result.state)]
      }
    },
    "GRU": { a in
      try a.refuseProjection()
      let layer = GRU(
        try a.integer("input_size"), try a.integer("hidden_size"), numLayers: try a.integer("num_layers", 1), bias: try a.flag("bias", true),
        batchFirst: try a.flag("batch_first", false), dropout: try a.number("dropout", 0), bidirectional: try a.flag("bidirectional", false))
      return MadeModule(module: layer) { arguments in
        if arguments.isPacked { return packed(layer(arguments.packedSequence(0), try arguments.tensor("hx"))) }
        let result = layer(try arguments.tensor(0), try arguments.tensor("hx"))
        return [.tensor(result.output), .tensor(result.state)]
      }
    },
    "LSTM": { a in
      let layer = LSTM(
        try a.integer("input_size"), try a.integer("hidden_size"), numLayers: try a.integer("num_layers", 1), bias: try a.flag("bias", true),
        batchFirst: try a.flag("batch_first", false), dropout: try a.number("dropout", 0), bidirectional: try a.flag("bidirectional", false),
        projectionSize: try a.integer("proj_size", 0))
      return MadeModule(module: layer) { arguments in
        if arguments.isPacked {
          let result = layer(arguments.packedSequence(0), try arguments.pair("hx"))
          return packed((result.output, result.state.h)) + [.tensor(result.state.c)]
        }
        let result = layer(try arguments.tensor(0), try arguments.pair("hx"))
        return [.tensor(result.output), .tensor(result.state.h), .tensor(result.state.c)]
      }
    },
    "RNNCell": { a in
      let cell = RNNCell(
        try a.integer("input_size"), try a.integer("hidden_size"), bias: try a.flag("bias", true),
        nonlinearity: try a.choice("nonlinearity", .tanh))
      return MadeModule(module: cell) { [.tensor(cell(try $0.tensor(0), try $0.tensor("hx")))] }
    },
    "GRUCell": { a in
      let cell = GRUCell(try a.integer("input_size"), try a.integer("hidden_size"), bias: try a.truth("bias", true))
      return MadeModule(module: cell) { [.tensor(cell(try $0.tensor(0), try $0.tensor("hx")))] }
    },
    "LSTMCell": { a in
      let cell = LSTMCell(try a.integer("input_size"), try a.integer("hidden_size"), bias: try a.flag("bias", true))
      return MadeModule(module: cell) {
        let result = cell(try $0.tensor(0), try $0.pair("hx"))
        return [.tensor(result.h), .tensor(result.c)]
      }
    },
    "MultiheadAttention": { a in
      let layer = MultiheadAttention(
        try a.integer("embed_dim"), try a.integer("num_heads"), dropout: try a.number("dropout", 0), bias: try a.flag("bias", true),
        addBiasKV: try a.flag("add_bias_kv", false), addZeroAttention: try a.flag("add_zero_attn", false),
        keyDim: try a.integer(ifPresent: "kdim"), valueDim: try a.integer(ifPresent: "vdim"), batchFirst: try a.flag("batch_first", false))
      return MadeModule(module: layer) {
        let result = layer(
          try $0.tensor(0), try $0.tensor(1), try $0.tensor(2), keyPaddingMask: try $0.tensor("key_padding_mask"),
          needWeights: try $0.flag("need_weights", true), mask: try $0.tensor("attn_mask"),
          averageWeights: try $0.flag("average_attn_weights", true), isCausal: try $0.flag("is_causal", false))
        return [.tensor(result.output), result.weights.map { .tensor($0) } ?? .none]
      }
    },
    "TransformerEncoderLayer": { a in
      let o = try a.blockOptions()
      let layer = TransformerEncoderLayer(
        try a.integer("d_model"), try a.integer("nhead"), feedforward: o.feedforward, dropout: o.dropout, activation: o.activation,
        layerNormEps: o.eps, batchFirst: o.batchFirst, normFirst: o.normFirst, bias: o.bias)
      return MadeModule(module: layer) {
        [
          .tensor(
            layer(
              try $0.tensor(0), mask: try $0.tensor("src_mask"), keyPaddingMask: try $0.tensor("src_key_padding_mask"),
              isCausal: try $0.flag("is_causal", false)))
        ]
      }
    },
    "TransformerDecoderLayer": { a in
      let o = try a.blockOptions()
      let layer = TransformerDecoderLayer(
        try a.integer("d_model"), try a.integer("nhead"), feedforward: o.feedforward, dropout: o.dropout, activation: o.activation,
        layerNormEps: o.eps, batchFirst: o.batchFirst, normFirst: o.normFirst, bias: o.bias)
      return MadeModule(module: layer) {
        [
          .tensor(
            layer(
              try $0.tensor(0), try $0.tensor(1), targetMask: try $0.tensor("tgt_mask"), memoryMask: try $0.tensor("memory_mask"),
              targetKeyPaddingMask: try $0.tensor("tgt_key_padding_mask"), memoryKeyPaddingMask: try $0.tensor("memory_key_padding_mask"),
              targetIsCausal: try $0.flag("tgt_is_causal", false), memoryIsCausal: try $0.flag("memory_is_causal", false)))
        ]
      }
    },
    "TransformerEncoder": { a in
      a.ignore("enable_nested_tensor", "mask_check")
      guard let block = try a.module("encoder_layer", TransformerEncoderLayer.self) else { throw CaseFailure("encoder_layer is missing") }
      let layer = TransformerEncoder(block, try a.integer("num_layers"), norm: try a.module("norm", LayerNorm.self))
      return MadeModule(module: layer) {
        [
          .tensor(
            layer(
              try $0.tensor(0), mask: try $0.tensor("mask"), keyPaddingMask: try $0.tensor("src_key_padding_mask"),
              isCausal: try $0.flag("is_causal", false)))
        ]
      }
    },
    "TransformerDecoder": { a in
      guard let block = try a.module("decoder_layer", TransformerDecoderLayer.self) else { throw CaseFailure("decoder_layer is missing") }
      let layer = TransformerDecoder(block, try a.integer("num_layers"), norm: try a.module("norm", LayerNorm.self))
      return MadeModule(module: layer) {
        [
          .tensor(
            layer(
              try $0.tensor(0), try $0.tensor(1), targetMask: try $0.tensor("tgt_mask"), memoryMask: try $0.tensor("memory_mask"),
              targetKeyPaddingMask: try $0.tensor("tgt_key_padding_mask"), memoryKeyPaddingMask: try $0.tensor("memory_key_padding_mask"),
              targetIsCausal: try $0.flag("tgt_is_causal", false), memoryIsCausal: try $0.flag("memory_is_causal", false)))
        ]
      }
    },
    "Transformer": { a in
      let o = try a.blockOptions()
      let layer = Transformer(
        features: try a.integer("d_model", 512), heads: try a.integer("nhead", 8), encoderLayers: try a.integer("num_encoder_layers", 6),
        decoderLayers: try a.integer("num_decoder_layers", 6), feedforward: o.feedforward, dropout: o.dropout, activation: o.activation,
        layerNormEps: o.eps, batchFirst: o.batchFirst, normFirst: o.normFirst, bias: o.bias)
      return MadeModule(module: layer) {
        [
          .tensor(
            layer(
              try $0.tensor(0), try $0.tensor(1), sourceMask: try $0.tensor("src_mask"), targetMask: try $0.tensor("tgt_mask"),
              memoryMask: try $0.tensor("memory_mask"), sourceKeyPaddingMask: try $0.tensor("src_key_padding_mask"),
              targetKeyPaddingMask: try $0.tensor("tgt_key_padding_mask"), memoryKeyPaddingMask: try $0.tensor("memory_key_padding_mask"),
              sourceIsCausal: try $0.flag("src_is_causal", false), targetIsCausal: try $0.flag("tgt_is_causal", false),
              memoryIsCausal: try $0.flag("memory_is_causal", false)))
        ]
      }
    },
  ]

  /// A packed sequence's data and batch sizes, and the state, as PyTorch lists them.
  private static func packed(_ result: (output: PackedSequence, state: Tensor)) -> [OperatorValue] {
    [.tensor(result.output.data), .tensor(Tensor(result.output.batchSizes)), .tensor(result.state)]
  }
}

extension ModuleArguments {
  /// Only LSTMs have projections.
  fileprivate mutating func refuseProjection() throws {
    if try integer("proj_size", 0) != 0 { throw EmberError(.value, in: owner, "only an LSTM has a projectionSize") }
  }

  fileprivate typealias BlockOptions = (
    feedforward: Int, dropout: Double, activation: TransformerActivation, eps: Double, batchFirst: Bool, normFirst: Bool, bias: Bool
  )

  fileprivate mutating func blockOptions() throws -> BlockOptions {
    (
      try integer("dim_feedforward", 2048), try number("dropout", 0.1), try activation("activation"), try number("layer_norm_eps", 1e-5),
      try flag("batch_first", false), try flag("norm_first", false), try flag("bias", true)
    )
  }
}
