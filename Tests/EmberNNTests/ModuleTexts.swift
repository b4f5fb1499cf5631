import EmberNN

// Made by Tests/Fixtures/module_texts.py with PyTorch 2.15.0.

let moduleTexts: [(module: @Sendable () -> Module, text: String)] = [
  (
    { Identity() },
    """
    Identity()
    """
  ),
  (
    { Linear(3, 4) },
    """
    Linear(in_features=3, out_features=4, bias=True)
    """
  ),
  (
    { Linear(3, 4, bias: false) },
    """
    Linear(in_features=3, out_features=4, bias=False)
    """
  ),
  (
    { Bilinear(2, 3, 4) },
    """
    Bilinear(in1_features=2, in2_features=3, out_features=4, bias=True)
    """
  ),
  (
    { Conv1d(2, 4, 3) },
    """
    Conv1d(2, 4, kernel_size=(3,), stride=(1,))
    """
  ),
  (
    { Conv2d(3, 16, 3, stride: 2, padding: 1) },
    """
    Conv2d(3, 16, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))
    """
  ),
  (
    { Conv2d(4, 6, [3, 5], dilation: 2, groups: 2, bias: false) },
    """
    Conv2d(4, 6, kernel_size=(3, 5), stride=(1, 1), dilation=(2, 2), groups=2, bias=False)
    """
  ),
  (
    { Conv2d(4, 6, 3, padding: "same", paddingMode: .reflect) },
    """
    Conv2d(4, 6, kernel_size=(3, 3), stride=(1, 1), padding=same, padding_mode=reflect)
    """
  ),
  (
    { Conv3d(1, 2, 3, padding: [0, 1, 2]) },
    """
    Conv3d(1, 2, kernel_size=(3, 3, 3), stride=(1, 1, 1), padding=(0, 1, 2))
    """
  ),
  (
    { ConvTranspose1d(2, 4, 3) },
    """
    ConvTranspose1d(2, 4, kernel_size=(3,), stride=(1,))
    """
  ),
  (
    { ConvTranspose2d(4, 2, 4, stride: 2, padding: 1, outputPadding: 1, groups: 2, bias: false, dilation: 2) },
    """
    ConvTranspose2d(4, 2, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1), dilation=(2, 2), output_padding=(1, 1), groups=2, bias=False)
    """
  ),
  (
    { Unfold(3, padding: [1, 2]) },
    """
    Unfold(kernel_size=3, dilation=1, padding=(1, 2), stride=1)
    """
  ),
  (
    { Fold([4, 5], 2) },
    """
    Fold(output_size=(4, 5), kernel_size=2, dilation=1, padding=0, stride=1)
    """
  ),
  (
    { BatchNorm1d(3) },
    """
    BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    """
  ),
  (
    { BatchNorm2d(3, eps: 0.001, momentum: nil, affine: false) },
    """
    BatchNorm2d(3, eps=0.001, momentum=None, affine=False, bias=False, track_running_stats=True)
    """
  ),
  (
    { BatchNorm3d(3, trackRunningStats: false) },
    """
    BatchNorm3d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=False)
    """
  ),
  (
    { InstanceNorm2d(3) },
    """
    InstanceNorm2d(3, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=False)
    """
  ),
  (
    { InstanceNorm1d(3, affine: true) },
    """
    InstanceNorm1d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=False)
    """
  ),
  (
    { LayerNorm(8) },
    """
    LayerNorm((8,), eps=1e-05, elementwise_affine=True, bias=True)
    """
  ),
  (
    { LayerNorm([4, 8], elementwiseAffine: false) },
    """
    LayerNorm((4, 8), eps=1e-05, elementwise_affine=False, bias=False)
    """
  ),
  (
    { LayerNorm(8, bias: false) },
    """
    LayerNorm((8,), eps=1e-05, elementwise_affine=True, bias=False)
    """
  ),
  (
    { GroupNorm(2, 4) },
    """
    GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)
    """
  ),
  (
    { RMSNorm(8) },
    """
    RMSNorm((8,), eps=None, elementwise_affine=True)
    """
  ),
  (
    { RMSNorm([4, 8], eps: 1e-6) },
    """
    RMSNorm((4, 8), eps=1e-06, elementwise_affine=True)
    """
  ),
  (
    { LocalResponseNorm(2) },
    """
    LocalResponseNorm(2, alpha=0.0001, beta=0.75, k=1.0)
    """
  ),
  (
    { CrossMapLRN2d(3) },
    """
    CrossMapLRN2d(3, alpha=0.0001, beta=0.75, k=1)
    """
  ),
  (
    { Dropout(0.5) },
    """
    Dropout(p=0.5, inplace=False)
    """
  ),
  (
    { Dropout2d(0.25) },
    """
    Dropout2d(p=0.25, inplace=False)
    """
  ),
  (
    { AlphaDropout() },
    """
    AlphaDropout(p=0.5, inplace=False)
    """
  ),
  (
    { Embedding(10, 3) },
    """
    Embedding(10, 3)
    """
  ),
  (
    { Embedding(10, 3, paddingIndex: -1, maxNorm: 1.5) },
    """
    Embedding(10, 3, padding_idx=9, max_norm=1.5)
    """
  ),
  (
    { Embedding(10, 3, normType: 1.5, scalesGradientByFrequency: true) },
    """
    Embedding(10, 3, norm_type=1.5, scale_grad_by_freq=True)
    """
  ),
  (
    { EmbeddingBag(10, 3, maxNorm: 0.5, paddingIndex: 2) },
    """
    EmbeddingBag(10, 3, max_norm=0.5, mode='mean', padding_idx=2)
    """
  ),
  (
    { EmbeddingBag(10, 3, mode: .sum) },
    """
    EmbeddingBag(10, 3, mode='sum')
    """
  ),
  (
    { MaxPool1d(2) },
    """
    MaxPool1d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
    """
  ),
  (
    { MaxPool2d(3, stride: 2, padding: 1) },
    """
    MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=False)
    """
  ),
  (
    { MaxPool2d([2, 3], ceilMode: true) },
    """
    MaxPool2d(kernel_size=(2, 3), stride=(2, 3), padding=0, dilation=1, ceil_mode=True)
    """
  ),
  (
    { AvgPool1d(2) },
    """
    AvgPool1d(kernel_size=(2,), stride=(2,), padding=(0,))
    """
  ),
  (
    { AvgPool2d(3, 2) },
    """
    AvgPool2d(kernel_size=3, stride=2, padding=0)
    """
  ),
  (
    { AvgPool3d([1, 2, 3]) },
    """
    AvgPool3d(kernel_size=(1, 2, 3), stride=(1, 2, 3), padding=0)
    """
  ),
  (
    { LPPool2d(1.5, 3) },
    """
    LPPool2d(norm_type=1.5, kernel_size=3, stride=None, ceil_mode=False)
    """
  ),
  (
    { MaxUnpool2d(2) },
    """
    MaxUnpool2d(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0))
    """
  ),
  (
    { AdaptiveAvgPool2d(1) },
    """
    AdaptiveAvgPool2d(output_size=1)
    """
  ),
  (
    { AdaptiveAvgPool2d([nil, 7]) },
    """
    AdaptiveAvgPool2d(output_size=(None, 7))
    """
  ),
  (
    { AdaptiveMaxPool1d(3) },
    """
    AdaptiveMaxPool1d(output_size=3)
    """
  ),
  (
    { FractionalMaxPool2d(2, outputSize: 3) },
    """
    FractionalMaxPool2d()
    """
  ),
  (
    { ZeroPad1d(1) },
    """
    ZeroPad1d((1, 1))
    """
  ),
  (
    { ReflectionPad2d([1, 2, 3, 4]) },
    """
    ReflectionPad2d((1, 2, 3, 4))
    """
  ),
  (
    { ConstantPad2d(1, 3.5) },
    """
    ConstantPad2d(padding=(1, 1, 1, 1), value=3.5)
    """
  ),
  (
    { RNN(10, 20) },
    """
    RNN(10, 20)
    """
  ),
  (
    { LSTM(10, 20, 2, batchFirst: true, dropout: 0.1, bidirectional: true) },
    """
    LSTM(10, 20, num_layers=2, batch_first=True, dropout=0.1, bidirectional=True)
    """
  ),
  (
    { LSTM(10, 20, 2, projectionSize: 5) },
    """
    LSTM(10, 20, proj_size=5, num_layers=2)
    """
  ),
  (
    { GRU(10, 20, bias: false) },
    """
    GRU(10, 20, bias=False)
    """
  ),
  (
    { RNNCell(10, 20, nonlinearity: .relu) },
    """
    RNNCell(10, 20, nonlinearity=relu)
    """
  ),
  (
    { LSTMCell(10, 20, bias: false) },
    """
    LSTMCell(10, 20, bias=False)
    """
  ),
  (
    { ReLU() },
    """
    ReLU()
    """
  ),
  (
    { ReLU6() },
    """
    ReLU6()
    """
  ),
  (
    { LeakyReLU(0.2) },
    """
    LeakyReLU(negative_slope=0.2)
    """
  ),
  (
    { GELU() },
    """
    GELU(approximate='none')
    """
  ),
  (
    { Softmax(1) },
    """
    Softmax(dim=1)
    """
  ),
  (
    { GLU() },
    """
    GLU(dim=-1)
    """
  ),
  (
    { ELU() },
    """
    ELU(alpha=1.0)
    """
  ),
  (
    { Hardtanh() },
    """
    Hardtanh(min_val=-1.0, max_val=1.0)
    """
  ),
  (
    { Softplus() },
    """
    Softplus(beta=1.0, threshold=20.0)
    """
  ),
  (
    { Hardshrink() },
    """
    Hardshrink(0.5)
    """
  ),
  (
    { Threshold(0.1, 20.5) },
    """
    Threshold(threshold=0.1, value=20.5)
    """
  ),
  (
    { PReLU(4) },
    """
    PReLU(num_parameters=4)
    """
  ),
  (
    { RReLU() },
    """
    RReLU(lower=0.125, upper=0.3333333333333333)
    """
  ),
  (
    { Flatten() },
    """
    Flatten(start_dim=1, end_dim=-1)
    """
  ),
  (
    { Unflatten(1, [2, 3]) },
    """
    Unflatten(dim=1, unflattened_size=(2, 3))
    """
  ),
  (
    { PixelShuffle(2) },
    """
    PixelShuffle(upscale_factor=2)
    """
  ),
  (
    { Upsample(scaleFactor: 2) },
    """
    Upsample(scale_factor=2.0, mode='nearest')
    """
  ),
  (
    { Upsample(scaleFactor: [1, 2]) },
    """
    Upsample(scale_factor=(1.0, 2.0), mode='nearest')
    """
  ),
  (
    { Upsample(size: [6, 5], mode: .bilinear) },
    """
    Upsample(size=(6, 5), mode='bilinear')
    """
  ),
  (
    { CosineSimilarity() },
    """
    CosineSimilarity()
    """
  ),
  (
    { PairwiseDistance() },
    """
    PairwiseDistance()
    """
  ),
  (
    { CrossEntropyLoss() },
    """
    CrossEntropyLoss()
    """
  ),
  (
    { MSELoss() },
    """
    MSELoss()
    """
  ),
  (
    { Sequential(Linear(2, 3), ReLU(), Sequential(Linear(3, 4), Tanh())) },
    """
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
      (1): ReLU()
      (2): Sequential(
        (0): Linear(in_features=3, out_features=4, bias=True)
        (1): Tanh()
      )
    )
    """
  ),
  (
    { Sequential(["conv": Conv2d(1, 2, 3), "act": ReLU()]) },
    """
    Sequential(
      (conv): Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))
      (act): ReLU()
    )
    """
  ),
  (
    { Sequential([]) },
    """
    Sequential()
    """
  ),
  (
    { ModuleList([Linear(2, 2), Linear(2, 2), Linear(2, 3), Linear(3, 3), Linear(3, 3), Linear(3, 3)]) },
    """
    ModuleList(
      (0-1): 2 x Linear(in_features=2, out_features=2, bias=True)
      (2): Linear(in_features=2, out_features=3, bias=True)
      (3-5): 3 x Linear(in_features=3, out_features=3, bias=True)
    )
    """
  ),
  (
    { ModuleList([Sequential(Linear(2, 2), ReLU()), Sequential(Linear(2, 2), ReLU())]) },
    """
    ModuleList(
      (0-1): 2 x Sequential(
        (0): Linear(in_features=2, out_features=2, bias=True)
        (1): ReLU()
      )
    )
    """
  ),
  (
    { ModuleDict(["a": Linear(2, 3), "b": Linear(3, 2)]) },
    """
    ModuleDict(
      (a): Linear(in_features=2, out_features=3, bias=True)
      (b): Linear(in_features=3, out_features=2, bias=True)
    )
    """
  ),
]
