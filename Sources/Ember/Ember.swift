@_exported public import EmberData
@_exported public import EmberFormats
@_exported public import EmberNN
@_exported public import EmberOptim
@_exported public import EmberRuntime
@_exported public import EmberTensor
@_exported public import EmberTraining
@_exported public import EmberVision
