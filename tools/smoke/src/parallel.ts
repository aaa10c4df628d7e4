/** Does `work` for each item, `width` at a time. @returns results in the order of the items */
export async function inParallel<In, Out>(
  items: readonly In[],
  width: number,
  work: (item: In) => Promise<Out>,
): Promise<Out[]> {
  const results: Out[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) results[at] = await work(items[at] as In);
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}
