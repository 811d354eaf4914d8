"""Makes fixtures/models/: models as other tools write them, with the outputs that those tools compute.

Needs PyTorch, onnx and scikit-learn (Debian: python3-torch python3-onnx python3-sklearn). Seeded; run it from the
repository's root. The tests read what it wrote and need none of these.
"""
import sys

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from sklearn.ensemble import GradientBoostingClassifier
from torch import nn

OUT = "fixtures/models/"
FEATURES, HISTORY, ROWS = 18, 5, 16


def save(name, inputs, outputs, tool):
    """One line a row: its inputs, then its outputs."""
    outputs = np.asarray(outputs, dtype=np.float32)
    with open(f"{OUT}{name}.csv", "w") as file:
        file.write(f"# {tool}; outputs: {outputs.shape[1]}\n")
        for row in np.concatenate([np.asarray(inputs, dtype=np.float32), outputs], axis=1):
            file.write(",".join(repr(float(x)) for x in row) + "\n")


class Seed(nn.Module):
    """The seeds' first actor: 18-128-128-3."""

    def __init__(self, ending):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(FEATURES, 128), nn.Linear(128, 128)
        self.policy = nn.Linear(128, 3)
        self.ending = ending

    def forward(self, x):
        logits = self.policy(torch.tanh(self.fc2(torch.tanh(self.fc1(x)))))
        return torch.softmax(logits, dim=-1) if self.ending == "softmax" else logits


class Temporal(nn.Module):
    """The seeds' temporal actor: an encoder 90-64-32 over five vectors, its output behind the newest one."""

    def __init__(self, two_inputs):
        super().__init__()
        block = lambda i, o: [nn.Linear(i, o), nn.LayerNorm(o), nn.Tanh()]
        self.encoder = nn.Sequential(*block(FEATURES * HISTORY, 64), *block(64, 32))
        self.trunk = nn.Sequential(*block(FEATURES + 32, 64), *block(64, 64), nn.Linear(64, 3))
        self.two_inputs = two_inputs

    def forward(self, past, newest=None):
        if newest is None:
            newest = past[:, -FEATURES:]
        return torch.log_softmax(self.trunk(torch.cat([newest, self.encoder(past)], dim=-1)), dim=-1)


def randomise(module):
    """Gains, offsets and biases that are not their defaults, and a head that does not say 1/3 each."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return module.eval()


def export(name, module, inputs, opset=17):
    names = ["state"] if len(inputs) == 1 else ["temporal_state", "state"]
    dynamic = {key: {0: "batch"} for key in names + ["action"]}
    torch.onnx.export(module, inputs, f"{OUT}{name}.onnx", opset_version=opset, input_names=names,
                      output_names=["action"], dynamic_axes=dynamic)
    with torch.no_grad():
        save(name, inputs[0], module(*inputs), f"PyTorch {torch.__version__.split('+')[0]}")


def tree_arrays(model, classes, rate):
    """TreeEnsembleClassifier's attributes for scikit-learn's trees (one per stage and class)."""
    out = {key: [] for key in ["nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_modes", "nodes_values",
                               "nodes_truenodeids", "nodes_falsenodeids", "nodes_missing_value_tracks_true",
                               "class_treeids", "class_nodeids", "class_ids", "class_weights"]}
    tree_id = 0
    for stage in model.estimators_:
        for class_id in range(classes):
            tree = stage[class_id].tree_
            for node in range(tree.node_count):
                leaf = tree.children_left[node] < 0
                put = lambda **values: [out[key].append(value) for key, value in values.items()]
                put(nodes_treeids=tree_id, nodes_nodeids=node, nodes_modes="LEAF" if leaf else "BRANCH_LEQ",
                    nodes_featureids=0 if leaf else int(tree.feature[node]),
                    nodes_values=0.0 if leaf else float(np.float32(tree.threshold[node])),
                    nodes_truenodeids=0 if leaf else int(tree.children_left[node]),
                    nodes_falsenodeids=0 if leaf else int(tree.children_right[node]),
                    nodes_missing_value_tracks_true=0)
                if leaf:
                    put(class_treeids=tree_id, class_nodeids=node, class_ids=class_id,
                        class_weights=float(rate * tree.value[node].ravel()[0]))
            tree_id += 1
    return out


def forest(name, x, y, features):
    model = GradientBoostingClassifier(n_estimators=12, max_depth=3, learning_rate=0.2, random_state=1).fit(x, y)
    labels = [int(label) for label in model.classes_]
    start = np.log(model.init_.class_prior_)
    node = helper.make_node(
        "TreeEnsembleClassifier", ["features"], ["label", "probabilities"], domain="ai.onnx.ml", name="forest",
        classlabels_int64s=labels, post_transform="SOFTMAX", base_values=[float(v) for v in start],
        **tree_arrays(model, len(labels), 0.2))
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [node], "forest", [info("features", TensorProto.FLOAT, [None, features])],
        [info("label", TensorProto.INT64, [None]), info("probabilities", TensorProto.FLOAT, [None, len(labels)])])
    onnx.save(helper.make_model(graph, ir_version=8, producer_name="scikit-learn", opset_imports=[
        helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", 2)]), f"{OUT}{name}.onnx")
    save(name, x[:ROWS], model.predict_proba(x[:ROWS]), "scikit-learn")


def main():
    torch.manual_seed(7)
    rows = torch.rand(ROWS, FEATURES) * 2 - 1
    past = torch.rand(ROWS, FEATURES * HISTORY) * 2 - 1
    export("torch_seed_softmax", randomise(Seed("softmax")), (rows,))
    export("torch_seed_logits", randomise(Seed("logits")), (rows,), opset=11)
    export("torch_temporal", randomise(Temporal(False)), (past,))
    export("torch_temporal_two_inputs", randomise(Temporal(True)), (past, past[:, -FEATURES:].contiguous()))
    relu = nn.Sequential(nn.Linear(FEATURES, 16), nn.ReLU(), nn.Linear(16, 3), nn.Softmax(dim=-1))
    export("torch_relu", randomise(relu), (rows,))
    random = np.random.default_rng(7)
    x = random.uniform(-1, 1, (600, 6)).astype(np.float32)
    y = np.where(x[:, 0] + x[:, 3] > 0.4, 1, np.where(x[:, 0] + x[:, 3] < -0.4, 2, 0))
    forest("sklearn_forest", x, y, 6)


if __name__ == "__main__":
    sys.exit(main())
