// Ways in for a picture: chosen, photographed, dropped anywhere, pasted.

import { element } from "./elements.js";

export interface Intake {
  readonly onPicture: (file: File) => void;
  /** What was dropped or pasted holds no picture. */
  readonly onNothing: (why: string) => void;
}

export function setUpIntake(intake: Intake): void {
  for (const id of ["choose", "camera"]) {
    const input = element(id, HTMLInputElement);
    input.addEventListener("change", () => {
      const file = input.files?.[0];
      // The same file may be chosen again.
      input.value = "";
      if (file !== undefined) intake.onPicture(file);
    });
  }

  const body = document.body;
  let depth = 0;
  document.addEventListener("dragenter", (event) => {
    event.preventDefault();
    depth++;
    body.classList.add("dragging");
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    if (event.dataTransfer !== null) event.dataTransfer.dropEffect = "copy";
  });
  document.addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (depth === 0) body.classList.remove("dragging");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    body.classList.remove("dragging");
    const file = event.dataTransfer?.files[0];
    if (file !== undefined) intake.onPicture(file);
    else intake.onNothing("That was no file. Save the picture first, then drop the file here.");
  });
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
    if (file !== undefined) intake.onPicture(file);
    else intake.onNothing("There is no picture on the clipboard. Copy the picture itself, not its address.");
  });
}
