"""What LiteRT gives to XNNPACK, and what it keeps."""

from ai_edge_litert.interpreter import Interpreter


def partitions_and_others(content: bytes) -> tuple[int, list[str]]:
    """How many parts of the graph XNNPACK runs, and the operators that LiteRT runs itself."""
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    details = interpreter._get_ops_details()
    parts = [x for x in details if x["op_name"] == "DELEGATE"]
    made_in_parts = {int(tensor) for part in parts for tensor in part["outputs"]}
    maker = {int(tensor): x for x in details if x["op_name"] != "DELEGATE" for tensor in x["outputs"]}
    others = {}
    wanted = [interpreter.get_output_details()[0]["index"], *(int(x) for part in parts for x in part["inputs"])]
    while wanted:
        tensor = wanted.pop()
        if tensor in maker and tensor not in made_in_parts:
            operator = maker[tensor]
            others[operator["index"]] = operator["op_name"]
            wanted.extend(int(x) for x in operator["inputs"])
    return len(parts), [others[index] for index in sorted(others)]
